#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each thing that is declared in a table is also documented and tested: options, statistics, faults,
# methods of the daemon, commands of apexctl; and each document is in the archive. Reason: a row
# that nobody describes or tries is a promise that nobody keeps.
#
#   tables.sh [top of the sources]

. "$(dirname "$0")/lib.sh"
cd "$root" || exit 2
rows=0

# keys <table> <macro> <which argument>: that argument of each row, without quotes.
keys() {
    sed -n "s/^$2(\(.*\)/\1/p" "$1" | awk -F', *' -v n="$3" '{ gsub(/"/, "", $n); print $n }'
}

# mentioned <word> <file or folder…>: whether the word stands there, in roff with `\-` for `-` and
# `\_` for `_`.
mentioned() {
    word=$1
    shift
    files=$(find "$@" -type f 2>/dev/null)
    # shellcheck disable=SC2086  # a list of files without blanks
    [ -n "$(cat /dev/null $files | sed 's/\\//g' | grep -m 1 -wF -e "$word")" ]
}

# every <what> <table> <macro> <argument> <where documented> <where tested>
every() {
    if [ ! -f "$2" ]; then
        complain "$2: not there"
        return
    fi
    found=$(keys "$2" "$3" "$4")
    [ -n "$found" ] || complain "$2 has no row $3(…)"
    # A key may be several words: one a line.
    echo "$found" >"$scratch/keys"
    while read -r key; do
        rows=$((rows + 1))
        # shellcheck disable=SC2086  # lists of files
        mentioned "$key" $5 || complain "$1 $key: not documented in $5"
        # shellcheck disable=SC2086
        mentioned "$key" $6 || complain "$1 $key: not tested in $6"
    done <"$scratch/keys"
}

# same <manual page> <script> <table>: the part of the page between the two marks is what the script
# makes of the table, so text, range and default of each row agree.
same() {
    sh "tests/style/$2" "$3" >"$scratch/wanted" || complain "$2 failed"
    sed -n '/^\.\\" begin of the table$/,/^\.\\" end of the table$/p' "$1" |
        sed '1d;$d' >"$scratch/page"
    cmp -s "$scratch/wanted" "$scratch/page" && return
    complain "$1 differs from $3; \`make man-tables\` writes the part"
    diff "$scratch/wanted" "$scratch/page" | head -n 10
}

# A crime says in its third line which fault it commits.
crimes() {
    for key in $(keys libapex/tables/faults.def FAULT 1); do
        grep -q "^// Crime: $key\." tests/crimes/*.c tests/crimes/*/*.c ||
            complain "fault $key: no crime commits it"
    done
}

# Every public function has its place in libapex(3).
public() {
    names=$(sed -n 's/^APEX_API.*[ *]\(apex_[a-z_]*\)(.*/\1/p' libapex/apex.h 2>/dev/null)
    for name in $names; do
        rows=$((rows + 1))
        mentioned "$name" man/libapex.3 ||
            complain "$name of apex.h: not documented in man/libapex.3"
    done
}

# Documents that the archive of a release would lack.
documents() {
    for file in $(find docs -name '*.md'); do
        grep -qwF "$file" docs/local.mk || complain "$file: not in docs/local.mk"
    done
}

every option libapex/tables/options.def OPTION 2 man/apex-options.7 "tests/unit/config_test.c"
while read -r page script table; do
    same "$page" "$script" "$table"
done <tests/style/man_tables.txt
every statistic libapex/tables/stats.def STAT_PROCESS 1 man/apex-stats.7 "tests"
every statistic libapex/tables/stats.def STAT_THREAD 1 man/apex-stats.7 "tests"
every statistic libapex/tables/stats.def STAT_NODE 1 man/apex-stats.7 "tests"
every fault libapex/tables/faults.def FAULT 2 man/apex-options.7 libapex/tables
crimes
every method apexd/proto/methods.def METHOD 1 "docs man" "tests"
every advice apexd/policy.def POLICY 1 docs/NUMA.md apexd/policy.def
every command apexctl/commands.def COMMAND 1 man/apexctl.1 "tests"
public
documents
echo "$rows rows"
[ "$failures" -eq 0 ]
