#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The HTML map of a heap of 1 GiB in a real browser.
# See the head of browser.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/browser.py"
