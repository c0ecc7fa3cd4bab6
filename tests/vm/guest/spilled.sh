#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A process that runs on node 0 has spilled to node 1, because node 0 was full; then there is room.
# Advice names it with numbers; applied by a person it sets the option, and taken back, or when the
# daemon dies, the option is as before; in acting mode it brings the pages home, and by itself those
# of another process, which has a rule.
# Reason: this is what advice is for, from the first number to the last.

. /rig/tests/lib.sh

held=/tmp/share
mib=320

free_mib()
{
    awk '/MemFree:/ { print int($4 / 1024) }' "/sys/devices/system/node/node$1/meminfo"
}

# share [FILE]
share()
{
    cat "${1:-$held}" 2>/dev/null || echo 0
}

# at_least SHARE [FILE]
at_least()
{
    [ "$(share "${2:-$held}")" -ge "$1" ]
}

# The advice, or one value of it, as JSON without a tool for it.
advice()
{
    apexctl advise "$pid" -o json
}

advises()
{
    advice | grep -q "\"kind\":\"$1\",\"role\""
}

# A number of what is said about having spilled.
number()
{
    advice | sed 's/{"kind"/\n&/g' | grep '"kind":"spilled","role"' |
        sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"
}

# By then the numbers are those of the last seconds, and not of its start.
seen_twice()
{
    [ "$(number seen)" -ge 2 ]
}

# What is in force of the option, as text: numa_home of the process.
home()
{
    apexctl tune "$pid" -o json | sed 's/{"key"/\n&/g' | grep '"key":"numa_home"' |
        sed 's/.*"value_text":"\([^"]*\)".*/\1/'
}

home_is()
{
    [ "$(home)" = "$1" ]
}

numactl --membind=0 spill ballast $(($(free_mib 0) - 120)) >/tmp/ballast &
ballast=$!
wait_for 120 grep -q ready /tmp/ballast || fail 'node 0 does not fill up'
echo "node 0 has $(free_mib 0) MiB free"
start_apexd
APEX_OPTIONS=runtime_dir=$APEX_RUNTIME_DIR LD_PRELOAD=$lib \
    numactl --cpunodebind=0 spill work $mib $held &
pid=$!
# Another one, by another name.
cp "$(command -v spill)" /tmp/acted
APEX_OPTIONS=runtime_dir=$APEX_RUNTIME_DIR LD_PRELOAD=$lib \
    numactl --cpunodebind=0 /tmp/acted work $mib $held.acted &
acted=$!
wait_for 120 test -s $held || fail 'the worker does not start'
wait_for 120 test -s $held.acted || fail 'the other worker does not start'
wait_for 120 apexctl stats $pid || fail 'the worker is not registered'
kill $ballast
wait $ballast 2>/dev/null
before=$(share)
echo "share on node 0: $before per mille, with $(free_mib 0) MiB free there"
[ "$before" -lt 700 ] || fail "it has not spilled: $before per mille at home"
# From here on it waits for pictures, one in ten seconds.
aside

wait_for 120 seen_twice || {
    apexctl advise $pid
    fail 'nobody notices that it has spilled'
}
apexctl advise $pid
elsewhere=$(number elsewhere_permille)
off=$((1000 - before - elsewhere))
[ $off -gt -100 ] && [ $off -lt 100 ] ||
    complain "advice says that $elsewhere per mille are elsewhere, and $((1000 - before)) are"
apexctl advise $pid --apply --dry-run >/dev/null || complain 'a dry run fails'
equal 'numa_home after a dry run' "$(home)" none

# A person's wish, under a daemon that only advises.
apexctl advise $pid --apply >/dev/null || fail 'it cannot be applied'
wait_for 120 home_is 0 || complain "numa_home is $(home) although advice was applied"
apexctl advise $pid --revert >/dev/null || complain 'it cannot be taken back'
wait_for 120 home_is none || complain "numa_home is $(home) although advice was taken back"
apexctl advise $pid --apply=spilled >/dev/null || complain 'it cannot be applied again'
wait_for 120 home_is 0 || complain "numa_home is $(home) the second time"

# The daemon dies, and with it what it has said.
kill -9 $apexd_pid
wait $apexd_pid 2>/dev/null
cat >/tmp/apexd.json <<END
{"version": 1, "rules": [{"match": {"comm": "acted"}, "options": {}, "numa": "act"}]}
END
apexd --runtime-dir "$APEX_RUNTIME_DIR" --config /tmp/apexd.json --act --log-level info \
    >>"$out/apexd.log" 2>&1 &
apexd_pid=$!
wait_for 120 apexctl stats $pid ||
    fail "the worker does not register with the next daemon: $(cat "$out/apexd.log")"
wait_for 120 home_is none || complain "numa_home is $(home) although its daemon died"

# And in acting mode, which moves what is in use. Where the machine is so slow that the process
# takes the daemon for dead, nothing is in force any more, and it is applied anew.
in_force()
{
    advice | grep -q '"in_force"'
}
applied=0
brought_home()
{
    in_force || { apexctl advise $pid --apply && applied=$((applied + 1)); }
    at_least 950
}
wait_for 120 advises spilled || fail 'the next daemon does not notice'
wait_for 120 brought_home || complain "the pages do not come home: $(share) per mille"
echo "share on node 0: $(share) per mille, after it was applied; $before before"
helped()
{
    advice | grep -q '"verdict":"helped"'
}
[ $applied -gt 1 ] || wait_for 120 helped || complain 'nobody says that it has helped'
gone()
{
    advises at_home
}
wait_for 120 gone || complain 'it is still said to have spilled'
apexctl advise $pid
apexctl advise $pid --revert >/dev/null || complain 'it cannot be taken back at the end'
wait_for 120 home_is none || complain "numa_home is $(home) at the end"
apexctl metrics | grep 'apex_advice_total{kind="spilled"'
# To the other one nobody has applied anything: the daemon has, by its rule.
has_acted()
{
    apexctl advise $acted | grep -q 'in force: spilled, by advice' && at_least 950 $held.acted
}
wait_for 300 has_acted || complain "by its rule it comes home with $(share $held.acted) per mille"
apexctl advise $acted
kill $pid $acted
stop_apexd
finish
