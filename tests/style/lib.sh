# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For the scripts that hold the sources against a rule, to be read in with `.`. Sets
#   root       top of the sources: the script's first argument, or that of the build
#   scratch    a folder that is removed at the end
#   failures   how often `complain` was called
# and gives those that test themselves `judge`.

root=${1:-${top_srcdir:-.}}
LC_ALL=C
export LC_ALL
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
failures=0
wrong=0

complain()
{
    echo "FAIL: $1"
    failures=$((failures + 1))
}

# judge WANTED: check_tree of the script says `FAIL: WANTED` of $scratch/tree, or passes it when
# WANTED is empty. Counts in `wrong` when not.
judge()
{
    if check_tree "$scratch/tree" >"$scratch/said"; then
        if [ -n "$1" ]; then
            echo "FAIL: self-test: passes where it should say: $1"
            wrong=$((wrong + 1))
        fi
    elif [ -z "$1" ] || ! grep -q "^FAIL: $1" "$scratch/said"; then
        echo "FAIL: self-test: should say '$1'; it said:"
        cat "$scratch/said"
        wrong=$((wrong + 1))
    fi
}
