#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The bench driver as a whole, on workloads that take no time.
# See the head of driver.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/bench/driver.py"
