#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every module of libapex that has a .c file has a unit test of its name, and every unit test has
# its module. Reason: so that whoever changes a module knows where its test is, and sees that it has
# one.
#
#   pairs.sh [top of the sources]

root=${1:-${top_srcdir:-.}}
LC_ALL=C
export LC_ALL
cd "$root" || exit 2
failures=0
tests=0

complain() {
    echo "FAIL: $1"
    failures=$((failures + 1))
}

# These are tested where they do their work, by programs that are more than one module:
#   interpose, interpose_cxx   tests/preload: the malloc names in real programs
#   interpose_fork             tests/abi/atfork.sh: libraries that are initialised before libapex
#   os_fault                   tests/oom: every scenario is a test of it
without='interpose interpose_cxx interpose_fork os_fault'

for source in $(find libapex -name '*.c' -print | sort); do
    module=$(basename "$source" .c)
    case " $without " in
    *" $module "*) continue ;;
    esac
    [ -f "tests/unit/${module}_test.c" ] || complain "$source: no tests/unit/${module}_test.c"
done
for test in $(find tests/unit -name '*_test.c' -print | sort); do
    module=$(basename "$test" _test.c)
    tests=$((tests + 1))
    [ -n "$(find libapex apexd apexctl \( -name "$module.[ch]" -o -name "$module" \) -print)" ] ||
        complain "$test: there is no module $module"
    grep -q "tests/unit/${module}_test\( \|$\)" tests/local.mk ||
        complain "$test: not built by tests/local.mk"
done
echo "$tests unit tests"
[ "$failures" -eq 0 ]
