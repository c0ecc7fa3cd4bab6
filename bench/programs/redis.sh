#!/bin/sh
# SPDX-License-Identifier: MIT
#
# redis-server, loaded by two redis-benchmark at once (with --threads one would end at the next
# quarter of a second, far too coarse). The server is on the allocator, the clients are not.
# Metrics: requests per second of SET, GET, LPUSH and LRANGE of 100; CPU time and peak memory are
# the server's.
#
#   redis.sh VALUE-BYTES REQUESTS LRANGES     of each client

. "$(dirname "$0")/lib.sh"
need redis-benchmark redis-cli
preparing && exit 0

# Debian's redis-tools holds the server, too, under another name; it looks at how it is called.
server=$BENCH_SCRATCH/redis-server
socket=$BENCH_SCRATCH/redis.sock
ln -sf "$(command -v redis-server || command -v redis-check-rdb)" "$server"
pid=

stop()
{
    [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || :
    rm -f "$socket" "$server"
}
trap stop EXIT
trap 'exit 1' HUP INT TERM

env ${BENCH_PRELOAD:+LD_PRELOAD="$BENCH_PRELOAD"} "$server" --port 0 --unixsocket "$socket" \
    --save '' --appendonly no --dir "$BENCH_SCRATCH" --daemonize no \
    >"$BENCH_SCRATCH/redis.log" 2>&1 &
pid=$!
tries=0
until redis-cli -s "$socket" ping >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -ge 300 ] || ! kill -0 "$pid" 2>/dev/null; then
        cat "$BENCH_SCRATCH/redis.log" >&2
        fail 'redis-server does not answer'
    fi
    sleep 0.02
done

# load TEST VALUE-BYTES REQUESTS: both clients do one test.
load()
{
    for client in 1 2; do
        redis-benchmark -s "$socket" -c 8 -P 16 -n "$3" -r 50000 -d "$2" --csv -t "$1" \
            >"$BENCH_SCRATCH/client.$client" 2>&1 &
        eval "client_$client=$!"
    done
    # shellcheck disable=SC2154  # set by eval
    { wait "$client_1" && wait "$client_2"; } ||
        fail "redis-benchmark: $(cat "$BENCH_SCRATCH"/client.*)"
    tr -d '"' <"$BENCH_SCRATCH/client.1" >"$BENCH_SCRATCH/rates"
    tr -d '"' <"$BENCH_SCRATCH/client.2" >>"$BENCH_SCRATCH/rates"
    awk -F, '
        $1 == "test" || /needed to benchmark/ { next }
        { sub(/ .*/, "", $1); name = tolower($1); rate += $2 }
        END { printf "metric %s %s requests/s higher\n", name, rate }' "$BENCH_SCRATCH/rates"
}

load set "$1" "$2"
load get "$1" "$2"
load lpush "$1" "$2"
load lrange_100 "$1" "$3"

awk -v ticks="$(getconf CLK_TCK)" '{ sub(/.*\) /, "") } {
    printf "metric user %f s lower\nmetric system %f s lower\n", $12 / ticks, $13 / ticks
}' "/proc/$pid/stat"
awk '/^VmHWM:/ { printf "metric peak_rss %d bytes lower\n", $2 * 1024 }' "/proc/$pid/status"

redis-cli -s "$socket" shutdown nosave >/dev/null 2>&1 || :
wait "$pid" || fail "redis-server: exit code $?"
pid=
