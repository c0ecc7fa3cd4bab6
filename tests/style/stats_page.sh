#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the table part of man/apex-stats.7 from stats.def, on stdout. tests/style/tables.sh
# compares what it writes with what the page holds.
#
#   stats_page.sh stats.def

awk '
    function section(title) { if (title != last) print ".SS " title; last = title }
    /^STAT_PROCESS\(/ { section("Of the whole process") }
    /^STAT_THREAD\(/ { section("Of each thread") }
    /^STAT_NODE\(/ { section("Of each NUMA node") }
    /^STAT_(PROCESS|THREAD|NODE)\(/ {
        match($0, /"[^"]*"\)$/)
        text = substr($0, RSTART + 1, RLENGTH - 3)
        row = substr($0, index($0, "(") + 1)
        split(row, field, / *, */)
        print ".TP"
        print ".B " field[1]
        print text "."
        print (field[2] == "counter" ? "Counter" : "Gauge") ", " field[3] "."
    }' "$1"
