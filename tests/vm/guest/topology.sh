#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Is the machine the one that its boot describes? Otherwise no other test here shows anything.

. /rig/tests/lib.sh

node=/sys/devices/system/node
case $boot in
n1) online=0 memory=0 processors=0 ;;
n2) online=0-1 memory=0-1 processors=0-1 ;;
n4) online=0-3 memory=0-3 processors=0-3 ;;
cxl | hmat) online=0-2 memory=0-2 processors=0-1 ;;
sparse) online=0,2-3 memory=0,2 processors=0,2-3 ;;
*) fail "which machine is $boot?" ;;
esac
equal online "$(cat $node/online)" "$online"
equal has_memory "$(cat $node/has_memory)" "$memory"
equal has_cpu "$(cat $node/has_cpu)" "$processors"
numactl --hardware
apexctl --version || complain 'apexctl does not run'
LD_PRELOAD=$lib numactl --show >/dev/null || complain 'nothing runs under libapex'
finish
