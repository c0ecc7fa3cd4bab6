#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every name of the source that a document quotes as `file.c:symbol` is defined in that file.
# Reason: a guide that sends its reader to a function that was renamed last month is worse than
# none.
#
#   `alloc.c:apex_free`        a function, macro, type, enumerator, table row or global of that file
#   `block.h:block.credit`     a member of a structure of that file
#
# A file may be quoted by the end of its path; the end must fit one file. Everything else that
# documents name is looked for by links.sh. Tests itself first.
#
#   symbols.sh [top of the sources]

# shellcheck disable=SC2016  # backquotes are text here
. "$(dirname "$0")/../style/lib.sh"

# defines FILE SYMBOL: true if the file defines it. Definitions stand in column 0, members and
# enumerators behind blanks; comments count for nothing.
defines()
{
    awk -v symbol="$2" '
        function is(text, name) { return match(text, "(^|[^A-Za-z0-9_])" name "([^A-Za-z0-9_]|$)") }
        BEGIN {
            parts = split(symbol, part, ".")
            name = part[1]
            member = parts == 2 ? part[2] : ""
        }
        { sub(/\/\/.*/, "") }
        !member && index($0, name "(") == 1 { found = 1 }
        !member && $1 == "#define" && is($2, name) && index($2, name) == 1 { found = 1 }
        !member && /^[A-Za-z_].*[=;{]/ {
            head = $0
            sub(/[=;{].*/, "", head)
            if (head !~ /\(/ && is(head, name)) found = 1
        }
        !member && /^(FAULT|OPTION|STAT_PROCESS|STAT_THREAD|METHOD|COMMAND)\(/ &&
            is(substr($0, 1, index($0, ",")), name) { found = 1 }
        !member && /^ +[A-Z][A-Z0-9_]*( = .*)?,? *$/ && is($1, name) { found = 1 }
        !member && /^enum \{/ && is($0, name) { found = 1 }
        member && /^(struct|union) [a-z_0-9]+ \{/ { inside = $2 == name }
        member && /^}/ { inside = 0 }
        member && inside && /^ / && is($0, member "[^(]*;") { found = 1 }
        member && inside && /^ / && is($0, member) && /;/ { found = 1 }
        END { exit !found }' "$1"
}

# check_tree ROOT: the documents of a tree; prints failures and a count, false if any failed.
check_tree()
(
    cd "$1" || exit 2
    find README.md docs libapex apexd apexctl -name '*.md' -type f 2>/dev/null |
        sort >"$scratch/documents"
    find libapex apexd apexctl tests -name '*.[ch]' -o -name '*.def' 2>/dev/null |
        sort >"$scratch/files"
    xargs grep -ohE '`[a-z_0-9/]+\.(c|h|def):[A-Za-z_][A-Za-z_0-9.]*`' <"$scratch/documents" |
        tr -d '`' | sort -u >"$scratch/quotes"
    failures=0
    while IFS=: read -r file symbol; do
        grep -E "(^|/)$file\$" "$scratch/files" >"$scratch/candidates"
        if [ "$(wc -l <"$scratch/candidates")" -ne 1 ]; then
            echo "FAIL: $file:$symbol: $(wc -l <"$scratch/candidates") files end in $file"
            failures=$((failures + 1))
        elif ! defines "$(cat "$scratch/candidates")" "$symbol"; then
            echo "FAIL: $file:$symbol: $(cat "$scratch/candidates") does not define $symbol;" \
                "quoted in $(xargs grep -l "$file:$symbol\`" <"$scratch/documents" | tr '\n' ' ')"
            failures=$((failures + 1))
        fi
    done <"$scratch/quotes"
    echo "$(wc -l <"$scratch/quotes") names in $(wc -l <"$scratch/documents") documents"
    [ "$failures" -eq 0 ]
)

# One file with every kind of definition, and a document that quotes `$1`.
sample()
{
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree/libapex/core" "$scratch/tree/docs"
    cat >"$scratch/tree/libapex/core/sample.c" <<'END'
#define LIMIT_BYTES 5
enum kind {
    KIND_NONE = 0, // comment
    KIND_LAST,
};
enum { ALONE = 1 };
struct box {
    int lid, *hinge; // weight
};
static int counter;
__thread struct box *mine = (struct box *)0;
static const struct box boxes[LIMIT_BYTES] = {
};
// forgotten(
static void
sample_work(void)
{
    called(counter);
}
END
    echo "See \`sample.c:$1\`." >"$scratch/tree/docs/guide.md"
}

failures=0
for symbol in LIMIT_BYTES kind KIND_NONE KIND_LAST ALONE box box.lid box.hinge counter mine boxes \
    sample_work; do
    sample "$symbol"
    check_tree "$scratch/tree" >"$scratch/said" || {
        echo "FAIL: self-test: does not find $symbol:"
        cat "$scratch/said"
        failures=$((failures + 1))
    }
done
for symbol in made_up forgotten called comment weight box.weight box.sample_work crate.lid sample \
    KIND; do
    sample "$symbol"
    if check_tree "$scratch/tree" >"$scratch/said"; then
        echo "FAIL: self-test: finds $symbol, which is not defined"
        failures=$((failures + 1))
    fi
done
check_tree "$root" || failures=$((failures + 1))
[ "$failures" -eq 0 ]
