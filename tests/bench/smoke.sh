#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every workload of the suite that needs no other package runs with its quick arguments, on glibc
# and on libapex, and says something that can be compared. Reason: a workload that fails under one
# allocator would be missed only when somebody waits an hour for the suite.

output=$(mktemp -d) || exit 2
trap 'rm -rf "$output"' EXIT
trap 'exit 1' HUP INT TERM

python3 -B "$top_srcdir/bench/driver/run.py" --quick --limit 3600 --peers none \
    --group published,micro,memory,latency,scale --output "$output" >"$output/said" 2>&1 || {
    cat "$output/said"
    exit 1
}
tail -n 3 "$output/said"
grep -q '^complete: 1 of 1 rounds' "$output/said"
