#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A daemon under attack, for a short time or, by `make siege`, a long one.
# See the head of siege.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/siege.py"
