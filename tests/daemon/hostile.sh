#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Peers of apexd that mean harm.
# See the head of hostile.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/hostile.py"
