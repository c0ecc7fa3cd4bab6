#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The parts of the bench driver that compute and parse, one by one.
# See the head of unit.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/bench/unit.py"
