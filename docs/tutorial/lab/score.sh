#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The score of an allocator, beside glibc, over every trace of lab/traces and two that are made to
# hurt. Neither half depends on how fast the machine is:
#
#   memory         the objects' share of the memory taken from the kernel, both at their largest
#   instructions   of the calls, counted by callgrind, for one call
#
# Score of a trace, after CS:APP's malloc lab: 60 times the share, and 40 times glibc's instructions
# divided by ours, 40 at most. The score is the average over the traces.
#
#   score.sh REPLAY LIBRARY TRACES
#
# TINY_GLIBC, if set, names a file with what an earlier run found for glibc: half of the work, and
# the same for every library. A run that does not find it there writes it.

set -eu
replay=$1
library=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
traces=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

command -v valgrind >/dev/null || { echo 'score.sh: needs valgrind'; exit 1; }
cp "$traces"/*.trace "$scratch"

# Every other of many objects is freed, and then all that come are a little larger than the holes.
awk 'BEGIN {
    for (i = 1; i <= 4000; i++) print "a", i, 40
    for (i = 1; i <= 4000; i += 2) print "f", i
    for (i = 4001; i <= 6000; i++) print "a", i, 72
}' >"$scratch/comb.trace"

# Twenty vectors grow by a half at a time, side by side, and are dropped together; five times.
awk 'BEGIN {
    for (round = 0; round < 5; round++) {
        for (v = 1; v <= 20; v++) print "a", round * 20 + v, 64
        for (bytes = 96; bytes < 40000; bytes = int(bytes * 3 / 2))
            for (v = 1; v <= 20; v++) print "r", round * 20 + v, bytes
        for (v = 1; v <= 20; v++) print "f", round * 20 + v
    }
}' >"$scratch/vector.trace"

# judge LIBRARY TRACE: "calls live taken instructions"
judge()
{
    LD_PRELOAD=$1 "$replay" "$2" >"$scratch/said" || {
        echo "score.sh: $(basename "$2"): $(cat "$scratch/said")" >&2
        exit 1
    }
    LD_PRELOAD=$1 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect='replay_call_*' "$replay" "$2" calls >"$scratch/counted" 2>&1 || {
        cat "$scratch/counted" >&2
        exit 1
    }
    sed 's/[a-z,]*//g' "$scratch/said" | tr '\n' ' '
    sed -n 's/.*Collected : //p' "$scratch/counted"
}

# judge_all LIBRARY: "trace calls live taken instructions", line by line
judge_all()
{
    for trace in "$scratch"/*.trace; do
        echo "$(basename "$trace" .trace) $(judge "$1" "$trace")"
    done
}

glibc=${TINY_GLIBC:-$scratch/glibc}
if [ ! -s "$glibc" ]; then
    judge_all '' >"$scratch/judged"
    mv "$scratch/judged" "$glibc"
fi
judge_all "$library" | join - "$glibc" >"$scratch/results"
awk '
    BEGIN {
        print "trace     calls   objects in memory   instructions a call   score"
        print "                     tiny    glibc        tiny    glibc     tiny  glibc"
    }
    {
        share = $3 / $4
        share_glibc = $7 / $8
        pace = $9 / $5 < 1 ? $9 / $5 : 1
        score = 60 * share + 40 * pace
        score_glibc = 60 * share_glibc + 40
        printf "%-8s %6d %8.0f %% %6.0f %% %11.0f %8.0f %8.0f %6.0f\n", $1, $2, 100 * share,
            100 * share_glibc, $5 / $2, $9 / $6, score, score_glibc
        sum += score
        sum_glibc += score_glibc
    }
    END { printf "%-57s %4.0f %6.0f\n", "score", sum / NR, sum_glibc / NR }' "$scratch/results"
