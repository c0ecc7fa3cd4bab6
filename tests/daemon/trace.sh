#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apexctl trace: recorded call by call, replayed under other options.
# See the head of trace.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/trace.py"
