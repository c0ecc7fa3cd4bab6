#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The page of apexctl trace in a real browser.
# See the head of trace_page.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/trace_page.py"
