#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What apexd answers by HTTP, and to whom.
# See the head of http.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/http.py"
