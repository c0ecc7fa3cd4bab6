#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apexctl as people use it.
# See the head of run.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/run.py"
