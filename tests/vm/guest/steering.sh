#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the options for NUMA come to where there is more than one node: the pages of a program, as
# the kernel counts them. The program runs on node 0.

. /rig/tests/lib.sh

# shares OPTIONS ARGUMENT…: sets $a $b $c to the shares of nodes 0, 1 and 2.
shares()
{
    APEX_OPTIONS=$1
    export APEX_OPTIONS
    shift
    said=$(LD_PRELOAD=$lib numactl --cpunodebind=0 steering "$@" 2>"$out/steering.err") ||
        complain "steering $* ends with an error under $APEX_OPTIONS"
    [ ! -s "$out/steering.err" ] || complain "steering $* says: $(cat "$out/steering.err")"
    echo "$boot: $* under '$APEX_OPTIONS': $said"
    # shellcheck disable=SC2086
    set -- $said
    a=$1 b=$2 c=$3
}

# most WHAT SHARE
most()
{
    [ "$2" -ge 99 ] || complain "$1: $2 % and not 99"
}

half()
{
    [ "$2" -ge 45 ] && [ "$2" -le 55 ] || complain "$1: $2 % and not a half"
}

shares register=0 small
most 'first touch' "$a"
shares register=0 large
most 'first touch of large objects' "$a"
shares register=0,numa_home=1 small
most numa_home "$b"
shares register=0,numa_home=1 large
most 'numa_home of large objects' "$b"
shares register=0,numa_large=home large
most 'numa_large=home' "$a"
shares register=0,numa_large=spread large
half 'spread, node 0' "$a"
half 'spread, node 1' "$b"
shares register=0,numa_large=spread small
most 'spread is not about small objects' "$a"
shares register=0,numa_large=spread,numa_large_min=32m large
most 'spread of larger objects' "$a"
shares register=0,numa_home=9 small
most 'a node that is not there' "$a"
if [ "$boot" = cxl ]; then
    shares register=0,numa_home=2 large
    most 'the node without processors, when it is named' "$c"
fi
shares register=0,numa_home=1 small refuse
shares register=0,numa_large=spread large refuse
most 'first touch where mbind is refused' "$a"
finish
