#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Everything that the tutorial says is done: each phase is built and tested, the phase before it
# fails as shown, every command of the chapters runs in the order of the text, every answer is
# compiled and tested (docs/tutorial/tools/check.py). `make tutorial-check` runs this alone. Tests
# itself first: an output that was changed in a chapter, and a phase that became wrong, are found.

. "$(dirname "$0")/../style/lib.sh"

# check_tree TOP: the first phase of a tree, with its commands.
check_tree()
{
    env -u MAKEFLAGS -u MAKELEVEL python3 -B "$1/docs/tutorial/tutorial" check 1
}

# fresh: a copy of what the check reads, with the first phase alone, in $scratch/tree.
fresh()
{
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree/docs/tutorial"
    cp "$root/docs/TUTORIAL.md" "$root/docs/local.mk" "$scratch/tree/docs"
    cp -RP "$root/docs/tutorial/tutorial" "$root/docs/tutorial/tools" "$root/docs/tutorial/lab" \
        "$root/docs/tutorial/answers" "$root"/docs/tutorial/01-*.md \
        "$root/docs/tutorial/phase01" "$scratch/tree/docs/tutorial"
    chmod -R u+w "$scratch/tree"
}

chapter=docs/tutorial/01-build-system-and-bootstrapping.md
fresh
sed -i 's/^ok: calloc is zero, and multiplies with care$/ok: calloc is zero/' \
    "$scratch/tree/$chapter"
sed -i 's/piece->kind = PIECE_FREED;/piece->kind = PIECE_FREE;/' \
    "$scratch/tree/docs/tutorial/answers/01-medium.c"
sed -i 's/= PIECE_FREED;/= PIECE_LIVE;/' "$scratch/tree/docs/tutorial/phase01/heap.c"
judge "$chapter:[0-9]*: .ok: calloc is zero., but it prints"
grep -q '^FAIL: docs/tutorial/answers/01-medium.c: does not build' "$scratch/said" ||
    complain 'self-test: passes an answer that does not compile'
grep -q "^FAIL: $chapter:[0-9]*: .* 0 |=#######=\.*|., but it prints" "$scratch/said" ||
    complain 'self-test: passes a picture of another heap'

env -u MAKEFLAGS -u MAKELEVEL python3 -B "$root/docs/tutorial/tutorial" check ||
    failures=$((failures + 1))
[ "$((failures + wrong))" -eq 0 ]
