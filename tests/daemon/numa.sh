#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The topology of many machines, and where heaps lie on them.
# See the head of numa.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/numa.py"
