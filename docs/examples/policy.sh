#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tries the policy of policy.patch: the unit test of the catalogue with its new cases, on the judge
# as the patch has it and on one that has it the wrong way round; and that its row is missed when
# it is not documented.

. "$(dirname "$0")/lib.sh"

copy apexd libapex tests docs man apexctl
change policy.patch

# run WHAT: the patched test on the judge of the copy; the lines of cases that fail, and the count.
run()
{
    compile policy.o apexd/policy.c
    link policy_test apexd/libapexdcore.la policy_test.o policy.o
    echo "--- $1"
    try policy_test
    grep -E '^ERROR: case|^\[  (PASSED|FAILED)  \] [0-9]' "$scratch/out"
}

compile policy_test.o tests/unit/policy_test.c
run 'with the judge of the patch'
sed -i 's/if (far == 0 || near == 0)/if (far != 0 || near == 0)/' "$scratch/tree/apexd/policy.c"
run 'with a judge that has it the wrong way round'
echo '--- without its row in docs/NUMA.md'
sed -i '/mems_narrow/d' "$scratch/tree/docs/NUMA.md"
sh "$scratch/tree/tests/style/tables.sh" "$scratch/tree" | grep '^FAIL: advice' || true
