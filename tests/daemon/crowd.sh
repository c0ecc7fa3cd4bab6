#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Many processes that come and go, and many at once: some of each; the full crowd is `make crowd`.
# See the head of crowd.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/crowd.py"
