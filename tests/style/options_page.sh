#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the table part of man/apex-options.7 from options.def, on stdout. tests/style/tables.sh
# compares what it writes with what the page holds.
#
#   options_page.sh options.def

awk '
    function size(number, unit, n) {
        n = split("TiB GiB MiB KiB", unit, " ")
        for (i = 1; i <= n; i++) {
            power = 1024 ^ (n + 1 - i)
            if (number >= power && number % power == 0) return number / power " " unit[i]
        }
        return number
    }
    # A number as C writes it here: 500, or UINT64_C(4) << 20.
    function value(text, part) {
        if (text !~ /<</) return text + 0
        split(text, part, / *<< */)
        sub(/.*\(/, "", part[1])
        return part[1] * 2 ^ part[2]
    }
    function kind(word, part) {
        if (type == "BYTES") return "bytes, " size(value(min)) " to " size(value(max))
        if (type == "CHOICE") { gsub(/\|/, ", ", unit); return "one of " unit }
        if (type == "BOOL") return "0 or 1"
        if (type == "NODE") return "number of a node, 0 to " max - 1 ", or none"
        if (type == "PATH") return "an absolute path of at most " max " bytes"
        return unit ", " min " to " max
    }
    function initial_text(word) {
        if (type == "BYTES") return size(value(initial))
        if (type == "CHOICE") { split(choices, word, /\|/); return word[initial + 1] }
        if (type == "PATH") return "empty"
        if (type == "NODE" && initial == max) return "none"
        return initial
    }
    /^OPTION\(/ { row = "" ; inside = 1 }
    inside { row = row $0 }
    inside && /\)$/ {
        inside = 0
        match(row, /"[^"]*"\)$/)
        text = substr(row, RSTART + 1, RLENGTH - 3)
        row = substr(row, 8, RSTART - 8)
        split(row, field, / *, */)
        key = field[2]; type = field[3]; min = field[4]; max = field[5]; initial = field[6]
        unit = choices = field[7]; when = field[8]
        gsub(/"/, "", key); gsub(/"/, "", unit); gsub(/"/, "", choices)
        print ".TP"
        print ".B " key
        print text "."
        print "Value: " kind() ". Default: " initial_text() "."
        if (when == "LIVE") print "May change while the program runs."
    }' "$1"
