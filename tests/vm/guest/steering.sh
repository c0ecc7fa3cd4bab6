#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the options for NUMA, and the advice of a daemon, come to where there is more than one node:
# the pages of a program, as the kernel counts them. The program runs on node 0.

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
shares register=0,numa=off,numa_home=1 small
most 'numa_home without nodes' "$a"
shares register=0,numa=off,numa_home=1 large
most 'numa_home of large objects without nodes' "$a"
shares register=0,numa=off,numa_large=spread large
most 'spread without nodes' "$a"

# advised ADVICE… -- ARGUMENT…: the same under a daemon that advises so.
advised()
{
    folder=$(mktemp -d /run/adviser.XXXXXX)
    advice=''
    while [ "$1" != -- ]; do
        advice="$advice $1"
        shift
    done
    shift
    # shellcheck disable=SC2086
    adviser "$folder" $advice >"$folder/said" &
    adviser=$!
    wait_for 120 grep -q ready "$folder/said" || fail 'no false daemon'
    echo "advised:$advice"
    shares "runtime_dir=$folder" "$@"
    kill $adviser
}

advised 0:1 1:1 -- large stats.advice_applied 1
half 'equal weights, node 0' "$a"
half 'equal weights, node 1' "$b"
# In turn: 9 of 12 objects.
advised 0:1 1:3 -- large stats.advice_applied 1
equal 'weights of 1 and 3, node 1' "$b" 75
advised 0:1 1:3 -- small stats.advice_applied 1
most 'weights are not about small objects' "$a"
if [ "$boot" = cxl ]; then
    advised 2:1 -- large stats.advice_applied 1
    most 'the node without processors, when it is advised' "$c"
    advised 2:1 -- small stats.advice_applied 1
    most 'small objects, when that is advised' "$a"
fi
advised absurd -- small stats.advice_rejected 10
most 'small objects under absurd advice' "$a"
advised absurd -- large stats.advice_rejected 10
most 'large objects under absurd advice' "$a"

shares register=0,numa_home=1 small refuse
shares register=0,numa_large=spread large refuse
most 'first touch where mbind is refused' "$a"
finish
