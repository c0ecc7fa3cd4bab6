#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A real Prometheus and a real node_exporter read what apexd tells.
# See the head of prometheus.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/daemon/prometheus.py"
