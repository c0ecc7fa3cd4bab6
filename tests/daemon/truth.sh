#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What apexd says of the heaps of real programs under load, held against a walk and the kernel.
# See the head of truth.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/truth.py"
