#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A node that comes and goes while programs run: apexd and a process with libapex live on, and the
# new node shows.

. /rig/tests/lib.sh

online()
{
    [ "$(cat /sys/devices/system/node/online)" = "$1" ]
}

echo online_movable >/sys/devices/system/memory/auto_online_blocks
start_apexd
LD_PRELOAD="$lib" placement 1000000 >"$out/placement" 2>&1 &
runner=$!
equal 'online before' "$(cat /sys/devices/system/node/online)" 0-1
qmp device_add '{"driver": "pc-dimm", "id": "dimm", "memdev": "spare", "node": 2}' ||
    fail 'QEMU does not plug the memory'
wait_for 120 online 0-2 || fail 'node 2 does not come'
# apexd looks now and then.
shown()
{
    apexctl topology -o json | grep -q '"node":2'
}
wait_for 120 shown || complain 'apexd does not show node 2'
apexctl topology || complain 'apexd has no topology any more'
qmp device_del '{"id": "dimm"}' || fail 'QEMU does not pull the memory'
wait_for 120 online 0-1 || fail 'node 2 does not go'
gone()
{
    ! shown
}
wait_for 120 gone || complain 'apexd still shows node 2'
apexctl topology || complain 'apexd has no topology after node 2 went'
kill $runner || complain "the program has ended: $(cat "$out/placement")"
stop_apexd || complain 'apexd did not end well'
finish
