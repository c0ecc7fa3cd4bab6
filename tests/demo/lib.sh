# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the demonstration and its tests share: a private place with an apexd and a redis-server that
# runs on libapex and is kept busy. Sourced, not run, with $top_builddir set. Whatever ends the
# shell, be it Ctrl-C, ends every process that was started and removes the place.
#
#   stage_open                makes $stage, a directory, and $APEX_RUNTIME_DIR in it
#   stage_apexd               starts apexd, $apexd_pid, and waits until it answers
#   stage_redis               starts redis-server under libapex, $redis_pid, waits until it answers
#   stage_load                keeps it busy from now on, $load_pid
#   stage_wait SECONDS CMD…   repeats CMD until it succeeds; false when the time is over

stage_tools="${top_builddir:?}"
stage_library=$stage_tools/libapex/.libs/libapex.so.0
apexd_pid=
redis_pid=
load_pid=

stage_fail()
{
    echo "$0: $*" >&2
    if [ -d "${stage:-}" ]; then
        tail -n 20 "$stage"/*.log >&2 || :
    fi
    exit 1
}

# Ends process $1, a child: asks, waits 5 seconds, insists.
stage_end()
{
    kill "$1" 2>/dev/null || return 0
    stage_patience=50
    while kill -0 "$1" 2>/dev/null && [ "$stage_patience" -gt 0 ]; do
        stage_patience=$((stage_patience - 1))
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

stage_close()
{
    trap '' INT TERM HUP
    for stage_pid in $load_pid $redis_pid $apexd_pid; do
        stage_end "$stage_pid"
    done
    load_pid='' redis_pid='' apexd_pid=''
    [ -z "${stage:-}" ] || rm -rf "$stage"
}

stage_open()
{
    stage=$(mktemp -d "${TMPDIR:-/tmp}/apex-demo.XXXXXX") || exit 1
    trap stage_close EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    APEX_RUNTIME_DIR=$stage/run
    export APEX_RUNTIME_DIR
    mkdir -m 700 "$APEX_RUNTIME_DIR"
    [ -e "$stage_library" ] || stage_fail "not built: $stage_library"
    command -v redis-benchmark >/dev/null ||
        stage_fail 'redis-benchmark is missing (Debian: redis-tools)'
    # Debian's redis-tools holds the server too, as redis-check-rdb: it looks at the name it is
    # called by. So no redis-server package is needed, which would leave a service on this machine.
    ln -s "$(command -v redis-server || command -v redis-check-rdb)" "$stage/redis-server"
}

stage_wait()
{
    stage_patience=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        stage_patience=$((stage_patience - 1))
        [ "$stage_patience" -gt 0 ] || return 1
        sleep 0.1
    done
}

apexctl()
{
    "$stage_tools/apexctl/apexctl" "$@"
}

stage_apexd()
{
    "$stage_tools/apexd/apexd" --runtime-dir "$APEX_RUNTIME_DIR" >>"$stage/apexd.log" 2>&1 &
    apexd_pid=$!
    stage_wait 60 apexctl stats || stage_fail 'apexd does not answer'
}

stage_redis()
{
    LD_PRELOAD=$stage_library "$stage/redis-server" --port 0 --unixsocket "$stage/redis.sock" \
        --save '' --appendonly no --dir "$stage" >"$stage/redis.log" 2>&1 &
    redis_pid=$!
    stage_wait 60 redis-cli -s "$stage/redis.sock" ping || stage_fail 'redis-server does not answer'
}

stage_load()
{
    redis-benchmark -s "$stage/redis.sock" -l -q -c 20 -P 16 -n 200000 -r 100000 -d 100 \
        -t set,get,lpush,rpop,sadd,hset,spop,zadd >/dev/null 2>"$stage/load.log" &
    load_pid=$!
}
