#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The invariants that headers number (`//   B1  Only the owner …`) and docs/invariants.md (`| B1 |
# …`) are the same set, each declared once, and what a comment refers to as (B1) exists. Reason: a
# number that leads nowhere explains nothing, and one that changed its meaning misleads. Tests
# itself first.
#
#   invariants.sh [top of the sources]

. "$(dirname "$0")/lib.sh"

# check_tree ROOT
check_tree()
(
    cd "$1" || exit 2
    failures=0

    find libapex apexd apexctl -name '*.[ch]' -type f 2>/dev/null | sort >"$scratch/files"
    xargs sed -n 's,^//   \([A-Z][0-9][0-9]*\)  .*,\1,p' <"$scratch/files" |
        sort >"$scratch/declared"
    list='[A-Z][0-9]+(, [A-Z][0-9]+)*'
    xargs grep -ohE "[(:] ?$list\\)?\$|\\($list\\)" <"$scratch/files" |
        grep -oE '[A-Z][0-9]+' | sort -u >"$scratch/used"
    sed -n 's,^| \([A-Z][0-9][0-9]*\) |.*,\1,p' docs/invariants.md | sort >"$scratch/documented"
    for id in $(uniq -d "$scratch/declared"); do complain "$id is declared twice"; done
    for id in $(uniq -d "$scratch/documented"); do
        complain "$id is in docs/invariants.md twice"
    done
    sort -u "$scratch/declared" >"$scratch/left"
    sort -u "$scratch/documented" >"$scratch/right"
    for id in $(comm -23 "$scratch/left" "$scratch/right"); do
        complain "$id is declared in a header, but not in docs/invariants.md"
    done
    for id in $(comm -13 "$scratch/left" "$scratch/right"); do
        complain "$id is in docs/invariants.md, but no header declares it"
    done
    for id in $(comm -13 "$scratch/left" "$scratch/used"); do
        complain "a comment refers to $id, which no header declares"
    done
    echo "$(wc -l <"$scratch/declared") invariants"
    [ "$failures" -eq 0 ]
)

# case COMPLAINT-OR-NOTHING SED-PROGRAM FILE: a small tree, changed by the sed program, must be
# refused so.
case_of()
{
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree/libapex/core" "$scratch/tree/docs"
    printf '//   A1  One holds.\n//   A2  Two holds.\n' >"$scratch/tree/libapex/core/a.h"
    printf '// Keeps it (A1, A2).\n    f(); // before: A2\n' >"$scratch/tree/libapex/core/a.c"
    printf '| id | what |\n|---|---|\n| A1 | one |\n| A2 | two |\n' \
        >"$scratch/tree/docs/invariants.md"
    sed -i "$2" "$scratch/tree/$3"
    judge "$1"
}

case_of '' '' docs/invariants.md
case_of 'A2 is declared in a header, but not' '/A2/d' docs/invariants.md
case_of 'A1 is in docs/invariants.md, but no header' '/A1/d' libapex/core/a.h
case_of 'A2 is declared twice' '2p' libapex/core/a.h
case_of 'A1 is in docs/invariants.md twice' '3p' docs/invariants.md
case_of 'a comment refers to A3' 's/A2)/A3)/' libapex/core/a.c
case_of 'a comment refers to A4' 's/before: A2/before: A4/' libapex/core/a.c
check_tree "$root" || wrong=$((wrong + 1))
[ "$wrong" -eq 0 ]
