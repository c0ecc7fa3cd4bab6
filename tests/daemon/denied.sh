#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Who may see what, and quotas.
# See the head of denied.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/denied.py"
