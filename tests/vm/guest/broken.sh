#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Not a test: fails, panics or hangs, for self_test.sh, which says by $APEX_VM_BREAK how.

. /rig/tests/lib.sh

case $break in
panic)
    echo 1 >/proc/sys/kernel/sysrq
    echo c >/proc/sysrq-trigger
    ;;
hang) sleep 10000 ;;
*) fail 'on purpose' ;;
esac
