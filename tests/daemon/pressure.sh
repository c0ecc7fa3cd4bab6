#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the daemon does by itself when memory is short in a real control group.
# See the head of pressure.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/pressure.py"
