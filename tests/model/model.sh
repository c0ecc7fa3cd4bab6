#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Verifies the model of the remote-free protocol in several sizes with spin, and then proves that
# the model can fail: each of the protocol's rules is broken once, and spin must find it.

model=${top_srcdir:-.}/tests/model/remote.pml
model=$(cd "$(dirname "$model")" && pwd)/remote.pml
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2
failures=0

complain() {
    echo "FAIL: $1"
    failures=$((failures + 1))
}

# check <model> [define…]: spin's answer in `out`; 0 when every state was visited and none is wrong.
check() {
    file=$1
    shift
    rm -f pan pan.*
    spin "$@" -a "$file" >out 2>&1 &&
        ${APEX_CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c >>out 2>&1 ||
        { cat out; exit 2; }
    ./pan -m100000 -n >out 2>&1
    grep -q 'errors: 0' out && ! grep -q 'max search depth too small\|Search not completed' out
}

holds() {
    if check "$model" "$@"; then
        echo "holds: $* ($(awk '/states, stored/ { print $1 }' out) states)"
    else
        complain "the protocol fails with $*"
        grep -E 'assertion|invalid end|error' out
    fi
}

# breaks <what> <sed script> [define…]: the model with one rule broken must fail.
breaks() {
    what=$1
    sed "$2" "$model" >broken.pml
    shift 2
    if cmp -s "$model" broken.pml; then
        complain "$what: the model does not have that line any more"
    elif check broken.pml "$@"; then
        complain "$what: spin does not mind"
    else
        echo "found: $what ($(grep -m 1 -oE 'assertion violated.*|invalid end state' out))"
    fi
}

command -v spin >/dev/null || { echo "FAIL: spin is not installed"; exit 1; }
holds -DBLOCKS=1 -DSWEEPER
holds -DBLOCKS=1 -DADOPTER -DREOPEN
holds -DBLOCKS=1 -DADOPTER -DSWEEPER
holds -DBLOCKS=2
holds -DBLOCKS=2 -DSWEEPER

breaks 'R1: every sender enqueues, not only the first' \
    's/::  old == 0 -> enqueue(b)/::  true -> enqueue(b)/'
breaks 'R2: the chain is taken before inbox_next is read' \
    's/receive(mine)$/receive(mine); list = inbox_next[mine]/' -DBLOCKS=2
breaks 'R3: the inbox is closed, but the blocks were not given away' \
    's/::  it > BLOCKS -> break/::  true -> break/'
breaks 'R4: a block in the wrong inbox is dropped' \
    's/::  else -> queued\[mine\] = false; enqueue(mine)/::  else -> queued[mine] = false/' \
    -DADOPTER -DREOPEN
breaks 'R5: a block of which chunks are out is purged' \
    's/::  remote\[mine\] == CAPACITY \&\& /::  /' -DSWEEPER
breaks 'an orphan goes home when its owner leaves' \
    's/\(::  else -> \)orphan_acquire(); owner\[b\] = ORPHANAGE; orphan_release()/\1go_home(b)/'
[ "$failures" -eq 0 ]
