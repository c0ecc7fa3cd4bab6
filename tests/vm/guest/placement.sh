#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Does memory stay on the node of the thread that uses it, although threads of other nodes free it
# all the time (placement.c)? All memory of a node without processors counts as elsewhere. Where the
# machine is an ordinary one, other allocators are shown beside, and not judged.

. /rig/tests/lib.sh

# share NAME [VARIABLE=VALUE…]: prints the row, sets $own.
share()
{
    name=$1
    shift
    own=$(env "$@" placement | sed -n 's/^own //p')
    [ -n "$own" ] || fail "$name: placement does not run"
    printf '%-24s %6s %%\n' "$name" "$own"
}

# ours NAME LIBRARY: at least 99 %.
ours()
{
    share "$1" LD_PRELOAD="$2"
    awk -v own="$own" 'BEGIN { exit own < 99 }' || complain "$1: only $own % on the own node"
}

echo 'pages on the node of the thread that uses them'
case $boot in
n2 | n4)
    share glibc X=
    share jemalloc LD_PRELOAD=/rig/lib/libjemalloc.so.2
    share mimalloc LD_PRELOAD=/rig/lib/libmimalloc.so.2
    share 'libapex, numa off' LD_PRELOAD="$lib" APEX_OPTIONS=numa=off
    ;;
esac
ours libapex "$lib"
ours libapex-hardened "$hardened"
finish
