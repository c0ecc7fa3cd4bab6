#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Can the rig fail? A guest whose test fails, one whose kernel panics, and one that hangs must each
# be called so. A machine too slow to boot in time makes the last one hang earlier, which is the
# same.

failures=0

# broken HOW SAYS [LIMIT]
broken()
{
    said=$(APEX_VM_BREAK=$1 APEX_VM_LIMIT=${3:-1200} \
        bash "${top_srcdir:?}/tests/vm/run.sh" n1 broken)
    code=$?
    if [ $code != 1 ] || ! echo "$said" | grep -q "^vm: n1: $2"; then
        echo "FAIL: $1: exit code $code, and it says:"
        echo "$said" | tail -n 5
        failures=$((failures + 1))
    fi
}

broken fail '1 of 1 tests failed'
broken panic 'the kernel panicked'
broken hang 'not a word of its end' 12
[ $failures -eq 0 ]
