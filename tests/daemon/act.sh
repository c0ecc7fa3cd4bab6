#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the daemon does by itself, when it may.
# See the head of act.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/act.py"
