#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the summary of commands in man/apexctl.1 from commands.def, on stdout.
# tests/style/tables.sh compares what it writes with what the page holds.
#
#   commands_page.sh commands.def

awk '
    /^COMMAND\(/ { row = ""; inside = 1 }
    inside { sub(/^ +/, " "); row = row $0 }
    inside && /\)$/ {
        inside = 0
        gsub(/" +"/, "", row) # strings in pieces
        match(row, /"[^"]*"\)$/)
        text = substr(row, RSTART + 1, RLENGTH - 3)
        row = substr(row, 9, RSTART - 9)
        name = row
        sub(/,.*/, "", name)
        match(row, /"[^"]*"/)
        arguments = substr(row, RSTART + 1, RLENGTH - 2)
        gsub(/-/, "\\-", arguments)
        print ".TP"
        print ".B " name (arguments == "" ? "" : "\\fR " arguments)
        print toupper(substr(text, 1, 1)) substr(text, 2) "."
    }' "$1"
