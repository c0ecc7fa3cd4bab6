#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The bench suite is whole: the program of each row of bench/suite.def is there; each row is in the
# tables of bench/README.md, and nothing else is; each C file and script of bench/ is used by a row,
# is in README.md, and is built or distributed by local.mk. Reason: a workload that nobody runs, or
# that nobody can look up, might as well not exist. Tests itself first.
#
#   bench.sh [top of the sources]

# shellcheck disable=SC2016  # backquotes are text here
. "$(dirname "$0")/lib.sh"

# check_tree ROOT
check_tree()
(
    cd "$1/bench" || exit 2
    failures=0

    # Records, joined where a line ends in a backslash, as `name program`, with bench/ cut off.
    sed -e '/^#/d' -e ':more' -e '/\\$/ { N; s/\\\n//; b more' -e '}' -e '/^ *$/d' suite.def |
        awk -F'|' '{ split($4, word, " "); gsub(/ /, "", $1); print $1, word[1], word[2] }' \
            >"$scratch/rows"
    cut -d' ' -f1 "$scratch/rows" | sort >"$scratch/names"
    sed -n 's/^|[^|]*|\([^|]*`[^|]*\)|.*/\1/p' README.md | grep -o '`[^`]*`' | tr -d '`' |
        sort >"$scratch/documented"
    for name in $(comm -23 "$scratch/names" "$scratch/documented"); do
        complain "$name is in suite.def, but not in the tables of README.md"
    done
    for name in $(comm -13 "$scratch/names" "$scratch/documented"); do
        complain "$name is in the tables of README.md, but not in suite.def"
    done
    while read -r name program argument; do
        for file in $program $argument; do
            case $file in
            @B@/*) [ -f "${file#@B@/}.c" ] || complain "$name: there is no ${file#@B@/}.c" ;;
            @S@/*) [ -f "${file#@S@/}" ] || complain "$name: there is no ${file#@S@/}" ;;
            esac
        done
    done <"$scratch/rows"
    for file in workloads/*.c micro/*.c memory/*.c count/* programs/*.c programs/*.sh; do
        case $file in
        */lib.sh | *\**) continue ;;
        *.sh) used="@S@/$file" listed="bench/$file" ;;
        *) used="@B@/${file%.c}" listed="bench/${file%.c}" ;;
        esac
        grep -q " $used\( \|\$\)" "$scratch/rows" || complain "bench/$file: in no row of suite.def"
        grep -qF "\`$file\`" README.md || complain "bench/$file: not in README.md"
        grep -q "^[[:space:]]$listed\( \|\$\)" local.mk || complain "bench/$file: not in local.mk"
    done
    for file in driver/*.py common/*.[ch]; do
        grep -q "^[[:space:]]bench/$file\( \|\$\)" local.mk ||
            complain "bench/$file: not in local.mk"
    done
    echo "$(wc -l <"$scratch/rows") workloads"
    [ "$failures" -eq 0 ]
)

# case_of COMPLAINT-OR-NOTHING COMMAND: a small tree, in which the command ran, must be refused so.
case_of()
{
    rm -rf "$scratch/tree"
    for folder in workloads micro memory count programs driver common; do
        mkdir -p "$scratch/tree/bench/$folder"
        : >"$scratch/tree/bench/$folder/one.c"
    done
    : >"$scratch/tree/bench/programs/real.sh"
    (
        cd "$scratch/tree/bench" || exit 2
        rm driver/one.c
        : >driver/run.py
        {
            echo '# comment'
            for folder in workloads micro memory count programs; do
                echo "$folder-1 | micro | 1 | @B@/$folder/one 1 \\"
                echo '    | 1 | own'
            done
            echo 'real-1 | program | 1 | @S@/programs/real.sh | | own'
        } >suite.def
        for folder in workloads micro memory count programs; do
            echo "| \`$folder/one.c\` | \`$folder-1\` | what |"
            printf '\tbench/%s/one \\\n' "$folder" >>local.mk
        done >README.md
        echo '| `programs/real.sh` | `real-1` | what |' >>README.md
        printf '\tbench/%s\n' programs/real.sh driver/run.py common/one.c >>local.mk
        eval "$2"
    )
    judge "$1"
}

case_of '' ':'
case_of 'micro-1 is in suite.def, but not' 'sed -i /micro-1/d README.md'
case_of 'more is in the tables of README.md' 'echo "| \`micro/one.c\` | \`more\` | x |" >>README.md'
case_of 'micro-1: there is no micro/one.c' 'rm micro/one.c'
case_of 'real-1: there is no programs/real.sh' 'rm programs/real.sh'
case_of 'bench/memory/two.c: in no row of suite.def' ': >memory/two.c'
case_of 'bench/memory/two.c: not in README.md' ': >memory/two.c'
case_of 'bench/programs/two.sh: in no row' ': >programs/two.sh'
case_of 'bench/micro/one.c: not in local.mk' 'sed -i /micro/d local.mk'
case_of 'bench/driver/two.py: not in local.mk' ': >driver/two.py'
check_tree "$root" || wrong=$((wrong + 1))
[ "$wrong" -eq 0 ]
