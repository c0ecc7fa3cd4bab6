#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the heap profile costs while it is on: instructions of whole programs, by callgrind, without
# it and at one sample in RATE bytes. Exact and repeatable, but for what the programs themselves do
# by the clock.
#
#   profile.sh LIBRARY [RATE [SHARE]]
#
# LIBRARY is a libapex.so; RATE is 512k unless said otherwise; the programs get a SHARE-th of their
# work. One line for each: name, instructions off, on, and the difference in per cent.

set -eu

PATH=/usr/bin:/bin:$PATH # a wrapper in front of python3 is not what is to be counted
here=$(cd "$(dirname "$0")" && pwd)
library=$1
rate=${2:-512k}
share=${3:-1}
BENCH_SCRATCH=$(mktemp -d)
trap 'rm -rf "$BENCH_SCRATCH"' EXIT
BENCH_STEP=run
BENCH_DATA=$BENCH_SCRATCH
BENCH_PRELOAD=$library
BENCH_COUNTER="valgrind --tool=callgrind --callgrind-out-file=/dev/null"
BENCH_COUNTER="$BENCH_COUNTER --log-file=$BENCH_SCRATCH/said"
export BENCH_SCRATCH BENCH_STEP BENCH_DATA BENCH_PRELOAD BENCH_COUNTER

# Little but allocation: objects to text and back.
# shellcheck disable=SC2016  # python's text
json='
import json, sys
rows = [{"a": i, "b": "x%d" % i, "c": [1.5 * i, None, True]} for i in range(int(sys.argv[1]))]
for _ in range(6):
    json.loads(json.dumps(rows))
'

# run PROGRAM WORK
run()
{
    case $1 in
    json)
        PYTHONMALLOC=malloc PYTHONHASHSEED=1 LD_PRELOAD=$library \
            $BENCH_COUNTER python3 -s -S -B -c "$json" "$2"
        ;;
    *) "$here/../programs/$1.sh" "$2" ;;
    esac
}

# instructions OPTIONS PROGRAM WORK
instructions()
{
    APEX_OPTIONS=$1 run "$2" "$3" >/dev/null
    awk '/Collected/ { print $NF }' "$BENCH_SCRATCH/said"
}

# cost PROGRAM WORK
cost()
{
    work=$(($2 / share))
    off=$(instructions register=0 "$1" $work)
    on=$(instructions "register=0,profile_rate=$rate" "$1" $work)
    echo "$1 $off $on" |
        awk '{ printf "%-8s %14d %14d %+.2f %%\n", $1, $2, $3, 100 * ($3 / $2 - 1) }'
}

cost sqlite 30000
cost perl 60000
cost python 30000
cost json 3000
