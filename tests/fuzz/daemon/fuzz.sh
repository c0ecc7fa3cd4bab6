#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the daemon's fuzzers that were built here, so many seconds in all, each for its share. What
# they learn stays in fuzz-corpus/TARGET, what they find comes to fuzz-found/TARGET. Run by `make
# fuzz-daemon`, in its build directory.
#
#   fuzz.sh SECONDS [TARGET…]

set -eu

seconds=$1
shift
[ $# -gt 0 ] || set -- frame message page registrar
share=$((seconds / $#))
[ "$share" -gt 0 ] || share=1

for target; do
    corpus=fuzz-corpus/$target
    mkdir -p "$corpus" "fuzz-found/$target"
    "tests/fuzz/daemon/${target}_test" --write-seeds "$corpus"
    if ! "tests/fuzz/daemon/${target}_fuzzer" -max_total_time="$share" -max_len=16384 -timeout=20 \
        -rss_limit_mb=2048 -artifact_prefix="fuzz-found/$target/" -print_final_stats=1 "$corpus" \
        >"fuzz-$target.log" 2>&1; then
        tail -n 60 "fuzz-$target.log"
        echo "fuzz: found something in $target; tests/fuzz/README.md says how to repeat it"
        exit 1
    fi
    awk -v target="$target" -v share="$share" '
        / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
        /number_of_executed_units/ { inputs = $2 }
        /average_exec_per_sec/ { speed = $2 }
        END {
            printf "fuzz: %s: %d inputs in %d s, %d a second, %d edges\n", target, inputs, share,
                speed, edges
        }
    ' "fuzz-$target.log"
done
echo "fuzz: nothing found in $seconds s"
