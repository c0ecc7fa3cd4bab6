#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the fuzzer that was built here for so many seconds, in processes of a minute each, by turns
# with guard pages and without. What it learns stays in fuzz-corpus/, what it finds comes to
# fuzz-found/. Run by `make fuzz`, in its build directory.
#
#   fuzz.sh SECONDS

set -eu

seconds=$1
process_s=60 # what a fault leaves behind is lost to the process, so that each has an end
begin=$(date +%s)
round=0

mkdir -p fuzz-corpus fuzz-found
while left=$((begin + seconds - $(date +%s))) && [ "$left" -gt 0 ]; do
    [ "$left" -lt "$process_s" ] || left=$process_s
    round=$((round + 1))
    unset FUZZ_REFUSE_GUARDS
    [ $((round % 2)) -eq 1 ] || export FUZZ_REFUSE_GUARDS=1
    if ! tests/fuzz/fuzzer -max_total_time="$left" -max_len=1024 -len_control=20 -timeout=20 \
        -rss_limit_mb=4096 \
        -artifact_prefix=fuzz-found/ -print_final_stats=1 fuzz-corpus >fuzz.log 2>&1; then
        tail -n 40 fuzz.log
        echo "fuzz: found something; tests/fuzz/README.md says how to repeat it"
        echo "fuzz: round $round, FUZZ_REFUSE_GUARDS=${FUZZ_REFUSE_GUARDS:-}"
        exit 1
    fi
    awk -v round=$round '
        / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
        /number_of_executed_units/ { inputs = $2 }
        /average_exec_per_sec/ { speed = $2 }
        END {
            printf "fuzz: round %d: %d inputs, %d a second, %d edges\n", round, inputs, speed, edges
        }
    ' fuzz.log
done
echo "fuzz: nothing found in $seconds s"
