#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Of each challenge in docs/challenges the acceptance test refuses the skeleton and accepts the
# solution, in the words of its page; every file is in the archive, and the index has a row for it.
# Tests itself first, on a tree with one challenge: a solution that is no better than the skeleton
# is found, as is a message that has changed, and the tool is clear about what it was not given.

. "$(dirname "$0")/../style/lib.sh"

top=$(cd "$root" && pwd)
BUILD=$(cd "${top_builddir:-$top/build}" && pwd)
CC=${APEX_CC:-cc}
export BUILD CC

# check_tree TOP: its index, its archive, and its challenges.
check_tree()
{
    (
        cd "$1" || exit 2
        failures=0
        for file in $(find docs/challenges \( -type f -o -type l \) ! -path '*/__pycache__/*'); do
            grep -qwF "$file" docs/local.mk || complain "$file is not in docs/local.mk"
        done
        for page in docs/challenges/[0-9][0-9]-*/README.md; do
            folder=$(basename "$(dirname "$page")")
            title=$(sed -n "1s/^# ${folder%%-*} //p" "$page")
            grep -qF "| [${folder%%-*}]($folder/README.md) | $title |" docs/challenges/README.md ||
                complain "docs/challenges/README.md has no row for $folder, '$title'"
        done
        docs/challenges/challenge self-test || failures=$((failures + 1))
        [ "$failures" -eq 0 ]
    )
}

# refuses SAYING WORD…: the tool, given these words, exits with 2 and says so.
refuses()
{
    saying=$1
    shift
    ended=0
    "$tool" "$@" >"$scratch/said" 2>&1 || ended=$?
    [ "$ended" -eq 2 ] && grep -qF "$saying" "$scratch/said" && return
    complain "self-test: challenge $* should say '$saying'; it ended with $ended and said:"
    cat "$scratch/said"
}

mkdir -p "$scratch/tree/docs/challenges/01-one/skeleton" \
    "$scratch/tree/docs/challenges/01-one/solution"
cd "$scratch/tree/docs/challenges" || exit 2
cp "$top/docs/challenges/challenge" "$top/docs/challenges/lib.sh" .
tool=$PWD/challenge
echo '| [01](01-one/README.md) | One |' >README.md
printf '%s\n' '# 01 One' '01-one: one is 2' '01-one: accepted: 1' >01-one/README.md
echo 2 >01-one/skeleton/one
echo 1 >01-one/solution/one
# shellcheck disable=SC2016  # variables of the script that is written
printf '%s\n' '. "$(dirname "$0")/../lib.sh"' 'one=$(cat "$work/one")' \
    '[ "$one" = 1 ] || refuse "one is $one"' 'accept "$one"' >01-one/accept.sh
find . -type f | sed 's,^\.,+= docs/challenges,' >../local.mk
cd "$top" || exit 2
judge ''
refuses 'challenge start NN FOLDER'
refuses 'challenge start NN FOLDER' start 1
refuses "'one' is no number" start one "$scratch/one"
refuses 'there is no challenge 02' start 2 "$scratch/one"
refuses 'is there already' start 1 "$scratch"
refuses 'there is no folder' check 1 "$scratch/one"
refuses 'lacks one, one of the files of 01-one' check 1 "$scratch/tree"
echo 2 >"$scratch/tree/docs/challenges/01-one/solution/one"
judge '01-one: of its solution'
echo 1 >"$scratch/tree/docs/challenges/01-one/solution/one"
sed -i 's/one is 2/one is two/' "$scratch/tree/docs/challenges/01-one/README.md"
judge '01-one: of its skeleton'
sed -i 's/one is two/one is 2/' "$scratch/tree/docs/challenges/01-one/README.md"
echo more >"$scratch/tree/docs/challenges/01-one/solution/more"
judge 'docs/challenges/01-one/solution/more is not in'
rm "$scratch/tree/docs/challenges/01-one/solution/more"
sed -i 's/One/Two/' "$scratch/tree/docs/challenges/README.md"
judge 'docs/challenges/README.md has no row for 01-one'

check_tree "$top" || failures=$((failures + 1))
[ "$((failures + wrong))" -eq 0 ]
