#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The programs over the hardened core once more, with the option `seal_metadata` on: threads, forks,
# random operations. Reason: a thread that writes to a record it has not opened dies of it, and only
# with this option.
#
#   seal_metadata.sh

failures=0
runs=0

for program in "${top_builddir:-.}"/tests/threads/*_hardened_test \
    "${top_builddir:-.}"/tests/property/*_hardened_test; do
    runs=$((runs + 1))
    APEX_OPTIONS=seal_metadata=on "$program" ||
        { echo "FAIL: $program: exit status $?"; failures=$((failures + 1)); }
done
echo "$runs programs, $failures failed"
[ "$failures" -eq 0 ] && [ "$runs" -gt 1 ]
