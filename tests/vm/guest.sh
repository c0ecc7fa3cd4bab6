#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs in the guest, at its end of everything: the tests of /rig/list, one after the other (but one
# that mostly waits lets the next begin: `aside` of lib.sh), then sends what they left and reports
# how many failed. A test is guest/NAME.sh; what it finds is said in lib.sh.

# shellcheck source=/dev/null
. /rig/settings
export boot break
export PATH=/rig/bin:"$PATH" LC_ALL=C
results=/run/rig-out
export NO_COLOR=1 SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0 SYSTEMD_PAGER=cat
# Each test is ended after so many seconds.
limit=600

uptime_s()
{
    cut -d ' ' -f 1 /proc/uptime
}

# run TEST: touches /run/next.TEST when the next one may begin.
run()
{
    export out="$results/$1" test=$1
    mkdir -p "$out"
    echo "== $1"
    begin=$(uptime_s)
    cd /tmp || exit
    timeout -s KILL $limit sh "/rig/tests/$1.sh" 2>&1
    code=$?
    verdict=passed
    if [ $code != 0 ]; then
        verdict="FAILED, exit code $code"
        echo "$1" >>/run/failed
    fi
    echo "-- $1: $verdict, $begin to $(uptime_s) s"
    touch "/run/next.$1"
}

mkdir -p "$results"
echo "vm: $boot: Linux $(uname -r), up after $(uptime_s) s"
# The kernel moves no page by itself while tests ask where pages are; who wants it turns it on.
echo 0 >/proc/sys/kernel/numa_balancing 2>/dev/null
: >/run/failed
while read -r name; do
    run "$name" </dev/null &
    until [ -e "/run/next.$name" ]; do
        sleep 0.1
    done
done </rig/list
wait
failed=$(wc -l </run/failed)
device=$(sed -n 's/.*rig_out=\([^ ]*\).*/\1/p' /proc/cmdline)
if ! tar -C "$results" -cf - . | dd of="$device" bs=64k conv=fsync 2>/tmp/dd.log; then
    cat /tmp/dd.log
    failed=$((failed + 1))
fi
exec report $failed
