#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Whose turn it is when many ask about all processes.
# See the head of turns.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/turns.py"
