#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apexctl top on terminals and without one.
# See the head of top.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/top.py"
