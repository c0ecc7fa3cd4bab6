#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Advice on NUMA, as the daemon gives it on a machine with one node.
# See the head of advise.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/advise.py"
