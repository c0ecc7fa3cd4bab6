#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The heap profile of a running program, from its first sample to the file for pprof.
# See the head of profile.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/profile.py"
