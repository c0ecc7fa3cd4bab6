#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Memory is short in a control group: by a real memory.high, as the real kernel tells. What a
# process in it has freed and keeps stays there, and another one waits, for as long as apexd is
# stopped; when it may act, the options of the process are tightened, in its own statistics, its
# resident size falls, who has waited has what it wanted, and the options become what they were. The
# same for one that sleeps in a group of its own under the same limit: it is swept, although there
# is swap. Whoever lives beside that limit keeps all it has: nothing that it gave would help.
# Reason: only here do tasks really wait, and only for what is short.

. /rig/tests/lib.sh

groups=/sys/fs/cgroup
keep_mib=48
waits_mib=24
own=600000

# in_group GROUP COMMAND…: becomes the command in that group.
in_group()
{
    group=$groups/$1
    shift
    # shellcheck disable=SC2016  # $$ is of the other shell
    exec sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

rss_kib()
{
    sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# For how long tasks of the group have waited, in ms.
waited_ms()
{
    echo $(($(sed -n 's/some.*total=//p' "$groups/$1/memory.pressure") / 1000))
}

has_waited()
{
    [ "$(waited_ms pod)" -ge "$1" ]
}

# option PID KEY NAME: "value" is what is in force, by the statistics of the process.
option()
{
    apexctl tune "$1" -o json | sed 's/{"key"/\n&/g' | grep "\"key\":\"$2\"" |
        sed "s/.*\"$3\":\"\{0,1\}\([^,\"}]*\).*/\1/"
}

is_option()
{
    [ "$(option "$1" "$2" "$3")" = "$4" ]
}

metric()
{
    apexctl metrics | sed -n "s/^$1 //p"
}

is_logged()
{
    grep -q "$1" "$out/apexd.log"
}

fell()
{
    [ "$(rss_kib "$1")" -lt $(($2 - $3 * 1024)) ]
}

[ -e /proc/pressure/memory ] || fail 'this kernel has no pressure stall information'
trap 'swapoff /dev/nvme0n1 2>/dev/null' EXIT
# The disk that takes what tests leave is empty until all of them are over.
mkswap /dev/nvme0n1 >/dev/null && swapon /dev/nvme0n1 || fail 'there is no swap'
echo +memory >$groups/cgroup.subtree_control || fail 'there is no memory.high'
mkdir -p $groups/pod $groups/beside
echo +memory >$groups/pod/cgroup.subtree_control
mkdir $groups/pod/app $groups/pod/idle $groups/pod/waits
echo 0 >$groups/pod/memory.swap.max

# --- Who is there ---

start_apexd --act --log-level info
export APEX_OPTIONS="runtime_dir=$APEX_RUNTIME_DIR,decay_ms=$own,dirty_floor=256m,retain=256m"
preload=LD_PRELOAD=$lib
mkfifo /tmp/stdin.idle
in_group pod/app env "$preload" press keep $keep_mib >/tmp/app &
app=$!
in_group beside env "$preload" press keep 8 >/tmp/beside &
beside=$!
# What it has stays charged to where it was when it took it: nobody but apexd takes that from it.
# It comes once, while apexd has no time, and sleeps: apexd must know it by what it left.
# Opened both ways the pipe waits for nobody; the signal that a child has stopped would end that.
exec 4<>/tmp/stdin.idle
kill -STOP "$apexd_pid"
in_group beside env "$preload" press sleep 16 </tmp/stdin.idle >/tmp/idle 4>&- &
idle=$!
for who in app beside idle; do
    wait_for 120 grep -q ready /tmp/$who || fail "$who is not ready"
done
kill -CONT "$apexd_pid"
for who in $app $beside $idle; do
    wait_for 120 is_option "$who" decay_ms value $own || fail "process $who is not registered"
done
echo $idle >$groups/pod/idle/cgroup.procs
before=$(rss_kib $app)
idle_before=$(rss_kib $idle)
echo $(($(cat $groups/pod/memory.current) + (2 << 20))) >$groups/pod/memory.high

# --- Memory is short, and nobody acts ---

kill -STOP "$apexd_pid"
in_group pod/waits press wait $waits_mib >/tmp/waits &
waits=$!
wait_for 120 has_waited 2000 || fail "nobody waits: $(cat $groups/pod/memory.pressure)"
echo "after $(waited_ms pod) ms of waiting: $(rss_kib $app) KiB of $before KiB resident"
fell $app "$before" 4 && complain 'what is free is gone already: the test shows nothing'
[ ! -s /tmp/waits ] || complain 'who waits has its memory already: the test shows nothing'

# --- apexd acts ---

is_logged "$idle, which is idle" && complain 'it was swept without need, and there is swap'
kill -CONT "$apexd_pid"
wait_for 120 is_option $app decay_ms value 50 ||
    fail "decay_ms of the process is $(option $app decay_ms value)"
wait_for 120 is_option $app dirty_floor value 1048576 ||
    complain "dirty_floor of the process is $(option $app dirty_floor value)"
equal 'who wants that' "$(option $app decay_ms source)" pressure
equal 'what the process wants' "$(option $app decay_ms own)" $own
is_logged "process $app: memory is short, keeps less" || complain 'it is not logged'
wait_for 120 is_option $idle decay_ms source pressure ||
    fail 'who sleeps under the same limit is not advised'
equal 'processes that keep less' "$(metric apexd_processes_pressed)" 2
equal 'who wants something of the one beside' "$(option $beside decay_ms source)" process
wait_for 120 fell $app "$before" $((keep_mib / 2)) ||
    complain "its resident size is still $(rss_kib $app) KiB of $before KiB"
wait_for 120 test -s /tmp/waits || complain 'who waited still waits'
wait_for 120 fell $idle "$idle_before" 12 ||
    complain "the resident size of who sleeps is still $(rss_kib $idle) KiB of $idle_before KiB"
is_logged "from process $idle, which is idle" || complain 'no sweep is logged'
[ "$(metric apexd_swept_bytes_total)" -ge $((12 << 20)) ] || complain 'no sweep is counted'
echo "apexd acts: $(rss_kib $app) KiB resident of $before KiB; asleep:" \
    "$(rss_kib $idle) KiB of $idle_before KiB"

# --- It is over ---

kill $waits
wait_for 120 is_option $app decay_ms value $own ||
    complain "afterwards decay_ms is $(option $app decay_ms value)"
wait_for 120 is_option $app dirty_floor value $((256 << 20)) ||
    complain "afterwards dirty_floor is $(option $app dirty_floor value)"
equal 'who wants something then' "$(option $app decay_ms source)" process
equal 'processes that keep less then' "$(metric apexd_processes_pressed)" 0
is_logged "process $beside: memory is short" && complain 'the one beside was advised meanwhile'
exec 4>&-
wait $idle || complain 'what the sleeping process held is damaged'
kill $app $beside
stop_apexd
[ $failures -eq 0 ] || cat "$out/apexd.log"
finish
