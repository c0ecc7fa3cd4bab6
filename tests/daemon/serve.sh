#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What apexd answers, and how it starts and stops.
# See the head of serve.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/serve.py"
