#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the chapters of the tutorial show of the sources is what the sources have, without running
# anything (docs/tutorial/tools/check.py). Tests itself first: a line broken in a source, in a fence
# and in the table is found, and the message says where.

. "$(dirname "$0")/../style/lib.sh"

# fresh: a copy of what the check reads, in $scratch/tree.
fresh()
{
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree/docs"
    cp -RP "$root/docs/tutorial" "$root/docs/TUTORIAL.md" "$root/docs/local.mk" \
        "$scratch/tree/docs"
    chmod -R u+w "$scratch/tree"
    ln -s "$(cd "$root" && pwd)/libapex" "$scratch/tree/libapex"
}

# check_tree TOP: the tool of that tree, so of the copy.
check_tree()
{
    env -u MAKEFLAGS -u MAKELEVEL python3 -B "$1/docs/tutorial/tutorial" check --quick
}

chapter=docs/tutorial/01-build-system-and-bootstrapping.md
fresh
judge ''
sed -i 's/size_t end = offset + bytes/size_t end = offset + 1 * bytes/' \
    "$scratch/tree/docs/tutorial/answers/01-medium.c"
judge "$chapter:[0-9]*: .*01-medium.c:region_give_back"
fresh
sed -i 's/munmap(made, REGION_BYTES)/munmap(made, 4096)/' "$scratch/tree/$chapter"
judge "$chapter:[0-9]*: .munmap(made, 4096);., but region.c:region_make"
fresh
sed -i 's/\(BEGIN\|END\) STEP 5/\1 STEP 4/' \
    "$scratch/tree/docs/tutorial/phase01/malloc.c"
judge "docs/tutorial/phase01/malloc.c:[0-9]*: .* does not show this in its step 4"
fresh
sed -i 's/`calloc()`/`called()`/' "$scratch/tree/$chapter"
judge "$chapter:[0-9]*: nothing here is called called()"
fresh
rm "$scratch/tree/docs/tutorial/phase01/region.c"
judge "$chapter:[0-9]*: there is no file region.c"
fresh
echo 'int more;' >>"$scratch/tree/docs/tutorial/phase01/region.c"
judge 'docs/TUTORIAL.md: phase I has'

# refuses WORDS ARGUMENT…: the tool ends with 1 and a line that has WORDS, and says no more.
refuses()
{
    words=$1
    shift
    ended=0
    said=$(python3 -B "$root/docs/tutorial/tutorial" "$@" 2>&1) || ended=$?
    case $ended:$said in
    *'
'*) ;;
    1:FAIL:*"$words"*) return ;;
    esac
    echo "FAIL: tutorial $*: $ended, $said"
    wrong=$((wrong + 1))
}

refuses 'there is no phase 99' start 99 "$scratch/none"
refuses 'phase 1 has no step 9; it has 1, 2, 3, 4, 5' start 1 "$scratch/none" 9
refuses 'is there already' solution 1 "$scratch"
refuses 'there is no answer nothing' answer nothing "$scratch/none"
refuses 'there is no such folder' answer 01-easy "$scratch/none"
refuses 'Not a directory' start 1 /dev/null/folder

check_tree "$root" || failures=$((failures + 1))
[ "$((failures + wrong))" -eq 0 ]
