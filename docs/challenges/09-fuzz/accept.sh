#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Gives the target a pool that is right, and then five that are wrong in one place each.

. "$(dirname "$0")/../lib.sh"

inputs=2000
bytes=$(wc -c <"$work/seed")
[ "$bytes" -le 256 ] || refuse "the seed has $bytes bytes; an input has 256 at most"

# try NUMBER NAME: `figures` is NAME, if the bug was found, or `not NAME`.
try()
{
    compile accept "$here/accept.c" "$here/pool.c" "$work"/*.c -DPOOL_BUG="$1"
    judge accept "$work/seed" "$2"
    cat "$OUT/errors" >&2
}

try 0 none
number=0 found=0 missed=
for bug in split before join copy wrap; do
    number=$((number + 1))
    try "$number" "$bug"
    case $figures in
    "$bug") found=$((found + 1)) ;;
    *) missed="$missed${missed:+, }$bug" ;;
    esac
done
[ "$found" -eq "$number" ] ||
    refuse "$found of $number bugs are found in $inputs inputs, and not: $missed"
accept "$found bugs found in $inputs inputs each, none in the mended pool"
