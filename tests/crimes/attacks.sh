#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The table of all crimes in docs/attacks.md has a row for each, and the letters that the hardened
# library gets now. Reason: a table of what was tried is worth nothing when it is of another
# library, or of other crimes.

exec python3 -B "${top_srcdir:-.}/tests/crimes/attacks.py" \
    --check "${top_srcdir:-.}/docs/attacks.md"
