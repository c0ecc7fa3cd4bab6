#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apexd under a service manager that passes sockets and keeps descriptors.
# See the head of activation.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/activation.py"
