#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Does apexd see the machine as the kernel does, on machines with gaps, with memory that is far,
# with latencies, and on one whose nodes come and go; and does it see where a real process lives?

. /rig/tests/lib.sh

sysfs=/sys/devices/system/node

# The nodes, one a line, each beginning with its number.
nodes()
{
    apexctl topology -o json | sed 's/{"node":/\n/g' | grep '"memory_bytes"' | grep -v '^{"schema"'
}

# of NODE NAME: what the topology says, empty if nothing.
of()
{
    nodes | grep "^$1," | sed -n "s/^[^[]*\"$2\":\([^,}]*\).*/\1/p" | tail -n 1
}

# numbers NAME: of the nodes whose NAME is not 0.
numbers()
{
    nodes | while IFS=, read -r number rest; do
        case ",$rest" in
        *,\"$1\":0,*) ;;
        *) echo "$number" ;;
        esac
    done
}

# expand 0-1,3: 0 1 3, one a line.
expand()
{
    echo "$1" | tr ',' '\n' | while IFS=- read -r first last; do
        [ -z "$first" ] || seq "$first" "${last:-$first}"
    done
}

compare()
{
    equal nodes "$(numbers none)" "$(expand "$(cat $sysfs/online)")"
    equal 'nodes with memory' "$(numbers memory_bytes)" "$(expand "$(cat $sysfs/has_memory)")"
    equal 'nodes with processors' "$(numbers cpus)" "$(expand "$(cat $sysfs/has_cpu)")"
    for number in $(expand "$(cat $sysfs/has_memory)"); do
        total=$(sed -n 's/.* MemTotal: *\([0-9]*\) kB/\1/p' "$sysfs/node$number/meminfo")
        equal "memory of node $number" "$(of "$number" memory_bytes)" $((total * 1024))
    done
}

far()
{
    equal 'tier of node 0' "$(of 0 tier)" 0
    equal 'tier of node 2' "$(of 2 tier)" 1
    equal 'processors of node 2' "$(of 2 cpus)" 0
}

speeds()
{
    equal 'latency of node 0' "$(of 0 latency_ns)" 100
    equal 'latency of node 2' "$(of 2 latency_ns)" 350
    equal 'bandwidth of node 2' "$(of 2 bandwidth_bytes_per_s)" $((40 << 30))
}

has_node_2()
{
    nodes | grep -q '^2,'
}

has_no_node_2()
{
    ! has_node_2
}

plug()
{
    echo online_movable >/sys/devices/system/memory/auto_online_blocks
    qmp device_add '{"driver": "pc-dimm", "id": "dimm", "memdev": "spare", "node": 2}' ||
        fail 'QEMU does not plug the memory'
    wait_for 120 has_node_2 || complain 'a node that came is not seen'
    compare
    qmp device_del '{"id": "dimm"}' || fail 'QEMU does not pull the memory'
    wait_for 120 has_no_node_2 || complain 'a node that went is still seen'
    compare
}

# seen PID NODE NAME
seen()
{
    apexctl stats --numa "$1" -o json | sed 's/.*"processes"//; s/{"node":/\n/g' | grep "^$2," |
        sed -n "s/.*\"$3\":\([a-z0-9]*\).*/\1/p"
}

lives()
{
    [ "$(seen "$1" 1 threads)" = 1 ] && [ "$(seen "$1" 1 home_bytes)" -ge 50000000 ]
}

is_sampled()
{
    [ "$(seen "$1" 1 sampled_total)" -ge 64 ]
}

# A process on node 1 has its heap and its thread there, and its pages.
resident()
{
    LD_PRELOAD=$lib APEX_OPTIONS=runtime_dir=$APEX_RUNTIME_DIR numactl --cpunodebind=1 leaky &
    pid=$!
    wait_for 120 lives $pid || complain 'the process is not seen to live on node 1'
    equal 'processors of node 0 that it may use' "$(seen $pid 0 cpus_allowed)" 0
    equal 'processors of node 1 that it may use' "$(seen $pid 1 cpus_allowed)" 2
    equal 'memory of node 0 is allowed' "$(seen $pid 0 allowed)" true
    equal 'its heap on node 0' "$(seen $pid 0 home_bytes)" 0
    apexctl topology | grep "leaky ($pid)" | grep -q '^ *1 ' ||
        complain 'it is no resident of node 1'
    wait_for 120 is_sampled $pid || complain 'nobody looks where its pages are'
    equal 'pages that are at home' "$(seen $pid 1 at_home_total)" "$(seen $pid 1 sampled_total)"
    apexctl stats --numa $pid
    apexctl stats --numa
    kill $pid
}

start_apexd
apexctl topology
compare
case $boot in
n2) resident ;;
cxl) far ;;
hmat) far && speeds ;;
hotplug) plug ;;
esac
stop_apexd
[ $failures -eq 0 ] || cat "$out/apexd.log"
finish
