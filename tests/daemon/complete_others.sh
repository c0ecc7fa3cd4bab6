#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Completions of apexctl in zsh and fish.
# See the head of complete.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/complete.py" --others
