#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Options of running programs, changed from outside.
# See the head of tune.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/tune.py"
