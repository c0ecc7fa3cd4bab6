#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The target of rules_target.c, on rules.c as it is, and on rules.c with a mistake planted. Prints
# what it finds.

. "$(dirname "$0")/lib.sh"

copy libapex apexd tests/fuzz/daemon docs/examples
compile target.o docs/examples/rules_target.c
compile fuzz_test.o tests/fuzz/daemon/fuzz_test.c

# run WHAT: builds the target with the copy's rules.c, and tries it.
run()
{
    compile rules.o apexd/rules.c
    link rules_test apexd/libapexdcore.la target.o fuzz_test.o rules.o
    try rules_test --inputs 20000
    echo "--- $1"
    sed 's|.*/\(rules_target.c\):[0-9]*:|\1:|' "$scratch/out"
    echo "ended with $ended"
}

# plant EXPRESSION WHAT: the same with a mistake in it, which this sed expression makes.
plant()
{
    cp "$top/apexd/rules.c" "$scratch/tree/apexd/rules.c"
    sed -i "$1" "$scratch/tree/apexd/rules.c"
    ! cmp -s "$top/apexd/rules.c" "$scratch/tree/apexd/rules.c" || {
        echo "fuzz_target.sh: no such line in rules.c any more: $2"
        exit 1
    }
    run "$2"
}

run 'rules.c as it is'
plant 's/if (cJSON_HasObjectItem(match, entry))/if (false)/' 'a key may be there twice'
plant "s/ || \*end != '\\\\0'//" 'what stands behind the number of a uid is let pass'
