#!/bin/sh
# SPDX-License-Identifier: MIT
#
# `make book` makes a book whose links all lead somewhere, also in a browser.
# See the head of book.py, which does the work.

exec python3 -B "${top_srcdir:-.}/tests/docs/book.py"
