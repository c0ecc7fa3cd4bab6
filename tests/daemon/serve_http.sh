#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What apexd answers by HTTP, and to whom.
# See the head of serve_http.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/serve_http.py"
