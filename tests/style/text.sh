#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The form of the text: 100 columns, licence line, purpose, no trailing blanks, no tabs but in
# makefiles, no left-over marks, no path of the machine it was written on. Reason: one hand should
# seem to have written all of it, and what is not done belongs in an issue.
#
#   text.sh [top of the sources]

root=${1:-${top_srcdir:-.}}
LC_ALL=C
export LC_ALL
cd "$root" || exit 2

files=$(find libapex apexd apexctl tests bench man docs .ci \
    configure.ac Makefile.am GNUmakefile bootstrap README.md \( -name '*.[ch]' \
    -o -name '*.cc' -o -name '*.def' -o -name '*.sh' -o -name '*.awk' -o -name '*.mk' \
    -o -name '*.map' -o -name '*.pml' -o -name '*.md' -o -name '*.[1-8]' \
    -o -name '*.ac' -o -name '*.am' -o -path '.ci/*' -o -name GNUmakefile -o -name bootstrap \) \
    -type f -print 2>/dev/null | sort)

# shellcheck disable=SC2086  # a list of files without blanks
[ -n "$files" ] && awk '
    function fail(text) { printf "FAIL: %s:%d: %s\n", FILENAME, FNR, text; failures++ }
    # A purpose is a comment of at least six words below the licence line.
    function close_file() {
        if (file == "" || !code) return
        if (!licence) late(file, "no SPDX line at its start")
        if (words < 6) late(file, "does not say what it is for")
    }
    function late(name, text) { printf "FAIL: %s: %s\n", name, text; failures++ }
    FNR == 1 {
        close_file()
        file = FILENAME
        code = FILENAME !~ /\.md$|\.[1-8]$/
        prose = !code
        makefile = FILENAME ~ /\.mk$|Makefile|makefile/
        licence = words = 0
        files++
    }
    { lines++ }
    FNR <= 2 && /SPDX-License-Identifier: MIT/ { licence = 1; next }
    code && FNR <= 12 && /^(\/\/|#|dnl| *\*|\/\*)/ { words += split($0, ignored, /[ \t]+/) - 1 }
    # Tables and links of the documents may be wide; everything else fits the screen. Characters,
    # not bytes.
    !prose {
        line = $0
        gsub(/[\200-\277]/, "", line)
        if (length(line) > 100) fail("longer than 100 columns")
    }
    /[ \t]$/ { fail("blanks at the end of the line") }
    /\t/ && !makefile && !prose { fail("a tab") }
    /(^|[^A-Za-z])(TO[D]O|FIX[M]E)([^A-Za-z]|$)|(^|[^X])X[X]X([^X]|$)/ {
        fail("a mark of something left undone")
    }
    /\/(wor[k]|roo[t]|hom[e])\/|\/tm[p]\/(b[r]ief|build[-])/ { fail("a path of one machine") }
    END {
        close_file()
        printf "%d files, %d lines\n", files, lines
        exit failures > 0
    }' $files
