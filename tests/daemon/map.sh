#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The map of a heap and where its memory goes, from the process to the terminal.
# See the head of map.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/map.py"
