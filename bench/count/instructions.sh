#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Instructions for one malloc and one free, by callgrind: exact and repeatable, whatever else the
# machine does. calls.c runs with two different counts; the difference of their totals, divided by
# that of the counts, leaves start and end of the program out. What remains besides the allocator is
# the loop and the two jumps through the program's linkage table, about ten instructions, the same
# for every allocator.
#
#   instructions.sh PATH-OF-CALLS FEW MANY

. "$(dirname "$0")/../programs/lib.sh"
need valgrind
preparing && exit 0

# on PROGRAM…: like env, on the allocator.
on()
{
    env ${BENCH_PRELOAD:+LD_PRELOAD="$BENCH_PRELOAD"} "$@"
}

# total CASE COUNT
total()
{
    on valgrind --tool=callgrind --callgrind-out-file=/dev/null "$calls" "$1" "$2" \
        >"$BENCH_SCRATCH/said" 2>&1 ||
        fail "valgrind: $(tail -n 5 "$BENCH_SCRATCH/said")"
    awk '/Collected/ { print $NF }' "$BENCH_SCRATCH/said"
}

calls=$1
if ! on valgrind --tool=none "$calls" pair 1 >/dev/null 2>&1; then
    echo 'this allocator does not run under valgrind' >&2
    exit 77
fi
for case in pair mixed batch; do
    few=$(total $case "$2")
    many=$(total $case "$3")
    echo "$few $many" | awk -v name="$case" -v count=$(($3 - $2)) \
        '{ printf "metric %s %.1f instructions lower\n", name, ($2 - $1) / count }'
done
