#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the table part of man/apex_ctl.3 from ctl.def, on stdout. tests/style/tables.sh compares
# what it writes with what the page holds. The preprocessor of C brings in the tables that the table
# includes.
#
#   ctl_page.sh ctl.def

case $1 in
/*) table=$1 ;;
*) table=$PWD/$1 ;;
esac
printf '%s\n' \
    '#define CTL(name, source, type, access, argument, unit, text) \' \
    '    @@ name @ type @ access @ unit @ text' \
    "#include \"$table\"" |
    ${APEX_CC:-cc} -E -P -x c - | tr '\n' ' ' | sed 's/@@/\n/g' | awk '
    # A string of C, in pieces or not, without its quotes.
    function plain(text) {
        gsub(/" *"/, "", text)
        gsub(/^ *"|" *$/, "", text)
        return text
    }
    function section(title) { if (title != last) print ".SS " title; last = title }
    function group(name) {
        if (name ~ /^opt\./) return "Options, as the process started with them"
        if (name ~ /^option\./) return "Options, as they are now"
        if (name ~ /^class\./) return "Size classes"
        if (name ~ /^stats\./) return "Figures of the process"
        if (name ~ /^thread\./) return "Of the calling thread"
        if (name ~ /^(trim|purge)$/) return "Of all threads"
        return "What runs"
    }
    NF {
        split($0, field, / @ /)
        name = plain(field[1])
        unit = plain(field[4])
        text = plain(field[5])
        type = field[2]
        access = field[3]
        section(group(name))
        print ".TP"
        print ".B " name
        print text "."
        if (unit ~ /\|/) { gsub(/\|/, ", ", unit); unit = "one of " unit }
        does = access == "READ" ? "Read" : access == "READ_WRITE" ? "Read, write" : "Action"
        if (type == "TEXT") does = does "; a text"
        else if (type == "NUMBER") does = does "; " unit
        print does "."
    }'
