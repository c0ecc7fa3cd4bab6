#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Is systemd in charge of the Debian guest, with the nodes of its machine and this build installed?

. /rig/tests/lib.sh

equal 'process 1' "$(cat /proc/1/comm)" systemd
equal nodes "$(cat /sys/devices/system/node/online)" 0-1
/usr/local/bin/apexctl --version || complain 'apexctl is not installed'
finish
