#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Subscriptions of the control socket.
# See the head of subscribe.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/subscribe.py"
