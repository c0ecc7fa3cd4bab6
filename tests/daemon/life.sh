#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A program on libapex and the daemon, through all that happens to both.
# See the head of life.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/life.py"
