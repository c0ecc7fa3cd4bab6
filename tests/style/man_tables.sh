#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the parts of the manual pages that are made of tables anew, in place: those between the two
# marks. man_tables.txt says which page, which script and which table.
#
#   man_tables.sh [top of the sources]

cd "${1:-${top_srcdir:-.}}" || exit 2
part=$(mktemp) || exit 2
trap 'rm -f "$part" "$part.page"' EXIT
while read -r page script table; do
    sh "tests/style/$script" "$table" >"$part" || exit 1
    awk -v part="$part" '
        /^\.\\" end of the table$/ { inside = 0 }
        !inside { print }
        /^\.\\" begin of the table$/ {
            inside = 1
            while ((getline line <part) > 0) print line
        }' "$page" >"$part.page" || exit 1
    cmp -s "$part.page" "$page" || cat "$part.page" >"$page"
done <tests/style/man_tables.txt
