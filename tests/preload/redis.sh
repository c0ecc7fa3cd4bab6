#!/bin/sh
# SPDX-License-Identifier: MIT
#
# redis-server under libapex: every command of redis (redis_commands.txt) gives the same answer as
# without, a replica that follows it ends with the same data, it saves and loads, and its benchmark
# runs through.

. "$(dirname "$0")/lib.sh"

# Debian's server is one binary under several names, and is started as a service by the package that
# brings the name redis-server; redis-tools brings the binary alone.
redis_server=$work/redis-server
ln -s "$(command -v redis-server || command -v redis-check-rdb)" "$redis_server"

commands=$top_srcdir/tests/preload/redis_commands.txt
server=
replica=
background=

stop()
{
    for pid in $background $replica $server; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop EXIT

# start FOLDER: a server in $work/FOLDER, on a socket there; its process id is in $started. $preload
# is the library or empty.
start()
{
    mkdir -p "$work/$1"
    : >"$work/$1/users.acl"
    cat >"$work/$1/redis.conf" <<END
port ${port:-0}
bind 127.0.0.1
unixsocket $work/$1/socket
dir $work/$1
save ""
loglevel notice
logfile $work/$1/log
aclfile $work/$1/users.acl
enable-debug-command yes
appendonly ${aof:-no}
END
    env ${preload:+LD_PRELOAD="$preload"} "$redis_server" "$work/$1/redis.conf" \
        >"$work/$1/stdout" 2>"$work/$1/stderr" &
    started=$!
    tries=0
    until redis-cli -s "$work/$1/socket" ping >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -ge 600 ] || ! kill -0 $started 2>/dev/null; then
            cat "$work/$1/log" "$work/$1/stderr" >&2
            fail "redis-server does not answer"
        fi
        sleep 0.1
    done
}

# A server that is quiet and healthy at the end.
check_quiet()
{
    [ ! -s "$work/$1/stdout" ] || fail "$1 said on stdout: $(head -5 "$work/$1/stdout")"
    [ ! -s "$work/$1/stderr" ] || fail "$1 said on stderr: $(head -5 "$work/$1/stderr")"
    if grep -n 'libapex\|REDIS BUG\|crashed\|Assertion' "$work/$1/log" >&2; then
        fail "$1 has trouble in its log"
    fi
}

# The answers to all commands: those that are not to be compared are cut out by two echoes around
# them.
answers()
{
    sed -e '/^#/d' -e '/^$/d' -e 's/^~\(.*\)/ECHO "~begin"\n\1\nECHO "~end"/' "$commands" |
        redis-cli -s "$work/$1/socket" >"$work/$1/all" 2>&1
    sed -e '/^~begin$/,/^~end$/d' "$work/$1/all" >"$work/$1/answers"
}

for kind in plain apex; do
    preload=
    [ $kind = apex ] && preload=$lib
    aof=yes start $kind
    server=$started
    answers $kind
    redis-cli -s "$work/$kind/socket" command list | tr '|' ' ' | sort >"$work/$kind.list"
    kill -0 "$server" 2>/dev/null ||
        fail "redis-server ($kind) died: $(tail -n 30 "$work/$kind/log")"
    redis-cli -s "$work/$kind/socket" shutdown nosave >/dev/null 2>&1 || true
    wait "$server" || fail "redis-server ($kind): exit code $?"
    server=
    check_quiet $kind
done
sed -i -E "s,$work/(plain|apex),DIR,g" "$work/plain/answers" "$work/apex/answers"
expect "answers of redis" "$work/plain/answers" "$work/apex/answers"
[ "$(wc -l <"$work/apex/answers")" -gt 1000 ] ||
    fail "too few answers: $(tail -n 5 "$work/apex/answers")"

# Is any command left out? Those below are used by this script in another way, or stop the
# conversation.
cat >"$work/elsewhere" <<'END'
monitor
psubscribe
psync
punsubscribe
replconf
shutdown
ssubscribe
subscribe
sunsubscribe
sync
unsubscribe
bgsave
bgrewriteaof
END
tr '[:upper:]' '[:lower:]' <"$commands" | sed 's/^~//' >"$work/used"
while read -r command; do
    grep -q "^$command\( \|\$\)" "$work/used" "$work/elsewhere" ||
        grep -qx "$command" "$work/elsewhere" || echo "$command"
done <"$work/apex.list" >"$work/left_out"
[ ! -s "$work/left_out" ] ||
    fail "redis has commands that are not tried: $(tr '\n' ' ' <"$work/left_out")"
echo "same: redis, $(wc -l <"$work/apex.list") commands"

# With clients that listen, a replica (SYNC, PSYNC, REPLCONF), saves by children, and the benchmark.
preload=$lib
port=0 start main
server=$started
main=$work/main/socket
redis-cli -s "$main" subscribe channel >"$work/heard" 2>&1 &
background="$background $!"
redis-cli -s "$main" psubscribe 'chan*' >>"$work/heard" 2>&1 &
background="$background $!"
redis-cli -s "$main" ssubscribe shard >>"$work/heard" 2>&1 &
background="$background $!"
redis-cli -s "$main" monitor >"$work/monitored" 2>&1 &
background="$background $!"
tries=0
until [ "$(redis-cli -s "$main" publish channel message)" = 2 ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "subscribers do not hear"
    sleep 0.1
done
redis-cli -s "$main" debug populate 50000 key 200 >/dev/null
redis-cli -s "$main" bgsave >/dev/null

redis-benchmark -s "$main" -n 20000 -q -P 8 >"$work/benchmark" 2>"$work/benchmark.err" ||
    fail "redis-benchmark: exit code $?"
[ ! -s "$work/benchmark.err" ] || fail "redis-benchmark said: $(head -5 "$work/benchmark.err")"
[ "$(tr '\r' '\n' <"$work/benchmark" | grep -c 'requests per second')" -ge 20 ] ||
    fail "redis-benchmark did not run through: $(cat "$work/benchmark")"
redis-cli -s "$main" config set appendonly yes >/dev/null
redis-cli -s "$main" bgrewriteaof >/dev/null
redis-benchmark -s "$main" -n 20000 -q -t set,lpush,hset,zadd -r 10000 -d 3000 >/dev/null 2>&1 ||
    fail "redis-benchmark with large values: exit code $?"

# A port is free or it is not: the kernel's pick cannot be asked for, so try some.
for port in 46379 46380 46381 46382 46383; do
    redis-cli -s "$main" config set port $port 2>/dev/null | grep -q OK && break
done
main_port=$port
port=0 start follower
replica=$started
follower=$work/follower/socket
redis-cli -s "$follower" replicaof 127.0.0.1 "$main_port" >/dev/null
redis-cli -s "$main" set last written >/dev/null
tries=0
until [ "$(redis-cli -s "$follower" debug digest)" = "$(redis-cli -s "$main" debug digest)" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "the replica lags behind: $(tail -n 20 "$work/follower/log")"
    sleep 0.2
done
[ "$(redis-cli -s "$follower" get last)" = written ] || fail "the replica lost a key"

tries=0
until redis-cli -s "$main" info persistence | grep -q 'aof_rewrite_in_progress:0'; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "the AOF rewrite does not end"
    sleep 0.2
done
for pid in $background; do
    kill "$pid" 2>/dev/null || true
done
background=
redis-cli -s "$follower" shutdown nosave >/dev/null 2>&1 || true
wait "$replica" || fail "replica: exit code $?"
replica=
redis-cli -s "$main" shutdown save >/dev/null 2>&1 || true
wait "$server" || fail "redis-server: exit code $?"
server=
check_quiet main
check_quiet follower
echo "redis: benchmark, replica, saves: ok"
