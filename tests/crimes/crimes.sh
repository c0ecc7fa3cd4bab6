#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs every crime: linked with libapex, and under LD_PRELOAD. Each must die by SIGABRT, and its
# stderr must be exactly the line it has announced on stdout. With APEX_OPTIONS=fault=report it must
# print the same line and live on. Reason: a fault that is not stopped, or stopped with another
# message than the manual says, is a promise broken.
#
#   crimes.sh [-d folder-of-programs] [-l libapex.so] [crime…]

programs=${top_builddir:-.}/tests/crimes
library=${top_builddir:-.}/libapex/.libs/libapex.so.0
while getopts d:l: option; do
    case $option in
    d) programs=$OPTARG ;;
    l) library=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
sources=${top_srcdir:-.}/tests/crimes
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0
unset APEX_OPTIONS
failures=0
runs=0

complain() {
    echo "FAIL: $1"
    failures=$((failures + 1))
}

# judge <what is said when it fails> <expected exit status>
judge() {
    runs=$((runs + 1))
    announced=$(head -n 1 "$scratch/out")
    said=$(cat "$scratch/err")
    if [ -z "$announced" ]; then
        complain "$1: announced nothing"
    elif [ "$status" -ne "$2" ]; then
        complain "$1: exit status $status, expected $2; stderr: $said"
    elif [ "$said" != "$announced" ]; then
        complain "$1: expected '$announced', got '$said'"
    fi
}

# The shell reports a death by SIGABRT as 128 + 6. Its own words about it go to /dev/null.
commit() {
    { (exec "$@" >"$scratch/out" 2>"$scratch/err"); status=$?; } 2>/dev/null
}

if [ $# -eq 0 ]; then
    set -- $(cd "$sources" && ls -- *.c | sed 's/\.c$//')
fi
[ -f "$library" ] || complain "$library: not there"
for crime in "$@"; do
    [ -x "$programs/$crime" ] || { complain "$crime: not built"; continue; }
    commit env LD_PRELOAD="$library" "$programs/$crime"
    judge "$crime, preloaded" 134
    if [ -x "$programs/linked/$crime" ]; then
        commit "$programs/linked/$crime"
        judge "$crime, linked" 134
    fi
    case $crime in
    corrupt_*) continue ;; # the list is cut off, and other faults may follow
    esac
    commit env LD_PRELOAD="$library" APEX_OPTIONS=fault=report "$programs/$crime"
    judge "$crime, reported" 0
done
echo "$runs crimes, $failures unpunished or punished wrongly"
[ "$failures" -eq 0 ] && [ "$runs" -gt 0 ]
