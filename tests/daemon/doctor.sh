#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apexctl doctor on hosts, programs and processes.
# See the head of doctor.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/doctor.py"
