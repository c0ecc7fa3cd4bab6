#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The leaves of a real process from outside, and what it prints when it ends.
# See the head of ctl.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/ctl.py"
