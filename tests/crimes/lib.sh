# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For the scripts that run crimes, to be read in with `.`. Sets
#   programs   the folder of the crimes that were built
#   sources    that of their sources
#   libraries  that of the libraries
#   scratch    a folder that is removed at the end; holds what was said: out, err
# and counts in `runs` and `failures`.

programs=${top_builddir:-.}/tests/crimes
sources=${top_srcdir:-.}/tests/crimes
libraries=${top_builddir:-.}/libapex/.libs
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0
unset APEX_OPTIONS
failures=0
runs=0

complain()
{
    echo "FAIL: $1"
    failures=$((failures + 1))
}

# commit COMMAND…: runs it and sets `status`. The shell reports a death by SIGABRT as 128 + 6; its
# own words about it go to /dev/null.
commit()
{
    runs=$((runs + 1))
    { (exec "$@" >"$scratch/out" 2>"$scratch/err"); status=$?; } 2>/dev/null
}

# judge WHAT STATUS ANNOUNCED SAID: the crime was committed as WHAT says; it must have ended with
# STATUS, and have said the line that it had announced.
judge()
{
    if [ -z "$3" ]; then
        complain "$1: announced nothing"
    elif [ "$status" -ne "$2" ]; then
        complain "$1: exit status $status, expected $2; said: $4"
    elif [ "$4" != "$3" ]; then
        complain "$1: expected '$3', got '$4'"
    fi
}

# The last line of each script.
crimes_end()
{
    echo "$runs crimes, $failures unpunished or punished wrongly"
    [ "$failures" -eq 0 ] && [ "$runs" -gt 0 ]
}
