#!/bin/sh
# SPDX-License-Identifier: MIT
#
# No function is longer than 70 lines, name to closing brace, and each has the form that lets this
# script, and the documentation that quotes functions by name, find it: return type on its own line,
# name and both braces in column 0. Reason: what does not fit a screen is not read as a whole.
#
#   functions.sh [top of the sources]

root=${1:-${top_srcdir:-.}}
LC_ALL=C
export LC_ALL

cd "$root" || exit 2
files=$(for folder in libapex apexd apexctl tests bench docs; do
    [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' -print
done | sort)
# shellcheck disable=SC2086  # a list of files without blanks
[ -n "$files" ] && awk -v longest=70 '
    function fail(text) { printf "FAIL: %s:%d: %s\n", FILENAME, FNR, text; failures++ }
    FNR == 1 { head = ""; name = "" }
    # A brace at the end of a line that is not indented opens data, or a function in the wrong form.
    /^[A-Za-z_].*\) *\{/ && !/=/ && !/^#/ { fail("the brace of a function belongs in column 0") }
    /^[A-Za-z_]/ && name == "" { head = $0; at = FNR }
    /^\{/ {
        name = head
        if (head ~ /^[A-Za-z_0-9]+ *\(/) sub(/\(.*/, "", name)
        else fail("the name of a function belongs in column 0: " head)
        start = at
    }
    /^\}/ && name != "" {
        length_lines = FNR - start + 1
        count++
        lines[count] = length_lines
        if (length_lines > longest) fail(name " has " length_lines " lines, more than " longest)
        name = ""
    }
    END {
        for (limit = 1; limit <= longest && 2 * below < count; limit++)
            for (i = 1; i <= count; i++) below += lines[i] == limit
        printf "%d functions, half of them have at most %d lines\n", count, limit - 1
        exit failures > 0
    }' $files
