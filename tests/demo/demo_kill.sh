#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The daemon is killed under a server at work, started again, and sent garbage. Reason: the first
# promise of libapex is that a daemon which is dead, new or hostile makes no difference to the
# program it serves; the second is that the program comes back into view without being restarted.

. "$(dirname "$0")/lib.sh"

# 10 are promised, which tests/unit/attach_test.c holds against a clock of its own.
RELIST_SECONDS=60

# What is true of redis-server all the time: the same process, at work, with its data.
redis_is_well()
{
    kill -0 "$redis_pid" 2>/dev/null || stage_fail "$1: redis-server is gone"
    kill -0 "$load_pid" 2>/dev/null || stage_fail "$1: redis-benchmark has given up"
    [ "$(redis-cli -s "$stage/redis.sock" get witness)" = "$witness" ] ||
        stage_fail "$1: redis-server has lost data"
    before=$(commands_served)
    stage_wait 60 serves_on "$before" || stage_fail "$1: redis-server does not serve"
}

commands_served()
{
    redis-cli -s "$stage/redis.sock" info stats |
        sed -n 's/^total_commands_processed:\([0-9]*\).*/\1/p'
}

# The questions themselves are commands too: a handful more is no proof.
serves_on()
{
    [ "$(commands_served)" -gt $(($1 + 10000)) ]
}

stage_open
stage_apexd
stage_redis
stage_load
witness=$(head -c 3000 /dev/urandom | od -An -tx1 | tr -d ' \n')
redis-cli -s "$stage/redis.sock" set witness "$witness" >/dev/null ||
    stage_fail 'cannot write to redis-server'
stage_wait "$RELIST_SECONDS" apexctl stats "$redis_pid" ||
    stage_fail 'redis-server was never listed'
redis_is_well 'with apexd'

kill -KILL "$apexd_pid"
wait "$apexd_pid" 2>/dev/null
apexd_pid=
apexctl stats "$redis_pid" >/dev/null 2>&1 && stage_fail 'somebody answers for a dead apexd'
redis_is_well 'without apexd'

stage_apexd
stage_wait "$RELIST_SECONDS" apexctl stats "$redis_pid" ||
    stage_fail "redis-server is not listed $RELIST_SECONDS s after apexd came back"
redis_is_well 'with a new apexd'

python3 "$(dirname "$0")/garbage.py" "$APEX_RUNTIME_DIR" || stage_fail 'cannot send garbage'
redis_is_well 'after garbage'
kill -0 "$apexd_pid" 2>/dev/null || stage_fail 'apexd died of garbage'
stage_wait "$RELIST_SECONDS" apexctl stats "$redis_pid" ||
    stage_fail 'garbage put redis-server off the list'

# Twice without a pause: what is left of one life of the daemon must not hinder the next.
for life in second third; do
    kill -KILL "$apexd_pid"
    wait "$apexd_pid" 2>/dev/null
    stage_apexd
    stage_wait "$RELIST_SECONDS" apexctl stats "$redis_pid" ||
        stage_fail "redis-server is not listed in the $life life of apexd"
done
redis_is_well 'at the end'

place=$stage
stage_close
[ ! -e "$place" ] || stage_fail "left behind: $place"
echo 'redis-server noticed nothing'
