#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Figures of the documents that do not depend on the machine's speed are those that come out now:
# instructions of malloc and free, address space, sums of tables, constants of the source. (What the
# profile costs, and what becomes of each crime, is held by tests of their own.) Tests itself first.

# shellcheck disable=SC2016  # backquotes are text here
. "$(dirname "$0")/../style/lib.sh"

library=${top_builddir:?}/libapex/.libs/libapex.so.0
APEX_OPTIONS=register=0
export APEX_OPTIONS

# constant DOCUMENT PATTERN HEADER NAME: the number in PATTERN, which is an expression with one
# group, is the value of the macro.
constant()
{
    said=$(sed -nE "s/(^|.*[^0-9])$2.*/\\2/p" "$root/docs/$1" | head -n 1)
    is=$(awk -v name="$4" '$1 == "#define" && $2 == name { print $3 + 0 }' "$root/libapex/$3")
    [ "${said:-none}" = "$is" ] ||
        complain "docs/$1 says '$said' where $4 of $3 is '$is'"
}

# about WHAT FOUND WANTED SLACK
about()
{
    echo "$2 $3 $4" | awk '{ exit !($1 >= $2 - $3 && $1 <= $2 + $3) }' && return
    complain "$1: $2 now, $3 in the text"
}

constants()
{
    constant ARCHITECTURE.md '([0-9]+) size classes' core/size_class.h CLASS_COUNT
    constant ARCHITECTURE.md 'batch\[([0-9]+)\]' policy/heap.h BATCH_SLOTS
    constant ARCHITECTURE.md 'parked\[([0-9]+)\]' policy/heap.h PARKED_MAX
    constant reading-guide.md 'has ([0-9]+) slots of' policy/heap.h BATCH_SLOTS
    constant invariants.md 'and ([0-9]+) parked batches' policy/heap.h PARKED_MAX
    constant invariants.md 'in each of ([0-9]+) open' policy/heap.h BATCH_SLOTS
    constant protocol.md 'Limits\.\*\* ([0-9]+) connections' ../apexd/server.h \
        SERVER_CONNECTIONS_MAX
    constant protocol.md '; ([0-9]+) bytes a request' ../apexd/proto/frame.h FRAME_REQUEST_BYTES_MAX
    constant SECURITY.md 'of 4 to ([0-9]+) places' policy/quarantine.h PEN_SLOTS
}

# The sums of SECURITY.md's table of crimes are those of the letters in attacks.md (whose first
# column tests/crimes/attacks.sh holds against what happens).
crimes()
{
    awk -F ' *[|] *' '
        function row(name, sum,    i, line) {
            line = "| " name " |"
            for (i = 0; i <= 8; i++) line = line " " sum[i] + 0 " |"
            print line
        }
        function end() { if (class != "") row(class, here); split("", here) }
        !/^\|/ || /^\| crime|^\|--/ { next }
        $2 ~ /^\*\*/ { end(); class = $2; gsub(/\*/, "", class); next }
        {
            rows++
            here[0] += length($3); all[0] += length($3)
            for (i = 1; i <= 8; i++) { n = gsub(/[ALP]/, "", $(i + 2)); here[i] += n; all[i] += n }
        }
        END { end(); row("all", all); print rows }' "$1/docs/attacks.md" >"$scratch/sums"
    tr -d '*' <"$1/docs/SECURITY.md" >"$scratch/security"
    while IFS= read -r row; do
        case $row in
        \|*) grep -qxF "$row" "$scratch/security" || complain "SECURITY.md has no row '$row'" ;;
        *)
            grep -q "has $row programs" "$scratch/security" ||
                complain "attacks.md has $row crimes, SECURITY.md does not say so"
            ;;
        esac
    done <"$scratch/sums"
}

# What the hardened library seals, by the length of its section.
sealed()
{
    bytes=$(readelf -SW "${library%.so.0}-hardened.so.0" |
        awk '{ for (i = 1; i < NF; i++) if ($i == "apex_constants") print $(i + 4) }')
    said=$(sed -n "s/^\([0-9]*\) KiB of the process's own pages.*/\1/p" "$root/docs/SECURITY.md")
    about 'SECURITY.md: KiB of sealed pages' $((0x$bytes / 1024)) "$said" 0
}

# copies WHERE LIBRARIES: instructions of a memcpy of 16 bytes, with WHERE stack or object.
copies()
{
    for count in 20000 40000; do
        LD_PRELOAD=$2 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
            "$scratch/copies" "$1" $count 2>&1 | awk '/Collected/ { print $NF }'
    done | awk '{ total[NR] = $1 } END { printf "%.0f\n", (total[2] - total[1]) / 20000 }'
}

# What a guarded copy costs, on processors with AES (base/mac.h); glibc's own is in the text, so
# the loop is what is more than that.
guarded()
{
    grep -qw aes /proc/cpuinfo || return 0
    cat >"$scratch/copies.c" <<'END'
#include <stdlib.h>
#include <string.h>

int
main(int argc, char **argv)
{
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    volatile size_t bytes = 16;
    char here[32] = {0}, there[32] = {0};
    int on_heap = argc == 3 && argv[1][0] == 'o';
    char *from = on_heap ? calloc(1, 32) : here, *to = on_heap ? calloc(1, 32) : there;

    for (long left = atol(argv[2]); left > 0; left--) {
        copy(to, from, bytes);
    }
    return to[3];
}
END
    # shellcheck disable=SC2086
    $APEX_CC -O2 -fno-builtin -o "$scratch/copies" "$scratch/copies.c" || complain 'no copies'
    guard=${library%/*}/libapex-guard.so.0
    # 16 bytes, stack, object, glibc, the fast library.
    # shellcheck disable=SC2046  # five numbers
    set -- $(tr '\n' ' ' <"$root/docs/SECURITY.md" |
        grep -o 'a `memcpy` of 16 bytes .* (callgrind; fast library [0-9]*)' | grep -oE '[0-9]+')
    loop=$(($(copies stack '') - ${4:-0}))
    hardened=$guard:${library%.so.0}-hardened.so.0
    about 'SECURITY.md: a copy, stack' $(($(copies stack "$hardened") - loop)) "$2" 1
    about 'SECURITY.md: a copy, object' $(($(copies object "$hardened") - loop)) "$3" 2
    about 'SECURITY.md: a copy, fast' $(($(copies object "$guard:$library") - loop)) "$5" 2
}

# on PROGRAM…: under the library.
on()
{
    env LD_PRELOAD="$library" "$@"
}

# status FIELD FILE: kB.
status()
{
    awk -v field="$1:" '$1 == field { print $2 }' "$2"
}

# What the map and the first reservations take of addresses; and with all of them resident.
memory()
{
    on cat /proc/self/status >"$scratch/with"
    cat /proc/self/status >"$scratch/without"
    grows=$((($(status VmSize "$scratch/with") - $(status VmSize "$scratch/without")) / 1000))
    echo "$grows MB of address space"
    said=$(sed -n 's/.*size of everything grew by \([0-9]*\) MB.*/\1/p' "$root/docs/FAQ.md")
    about 'FAQ.md: MB of address space' "$grows" "$said" 15
    (ulimit -v 70000 && on true) || complain '0004: a small program does not run in 70 MB'
}

# Instructions of a pair, of mixed sizes, of a batch: the first row of PERFORMANCE.md. Other
# compilers make other code of the same source.
instructions()
{
    # shellcheck disable=SC2086  # it may be several words
    $APEX_CC -O2 -D_GNU_SOURCE -I"$root/bench" -o "$scratch/calls" "$root/bench/count/calls.c" \
        "$root/bench/common/bench.c" &&
        BENCH_STEP=run BENCH_SCRATCH=$scratch BENCH_DATA=$scratch BENCH_PRELOAD=$library \
            sh "$root/bench/count/instructions.sh" "$scratch/calls" 20000 40000 \
            >"$scratch/counted" || complain 'instructions cannot be counted'
    cat "$scratch/counted"
    row=$(sed -n 's/^| \*\*apex\*\* |//p' "$root/docs/PERFORMANCE.md" | head -n 1 | tr -d '*|')
    # shellcheck disable=SC2086  # three numbers
    set -- $row
    for case in pair mixed batch; do
        about "PERFORMANCE.md: instructions, $case" \
            "$(awk -v case="$case" '$2 == case { print $3 }' "$scratch/counted")" "$1" 1
        shift
    done
}

# A constant that has changed is found.
mkdir -p "$scratch/tree/libapex/core" "$scratch/tree/docs"
echo 'It has 7 size classes.' >"$scratch/tree/docs/a.md"
echo '#define CLASS_COUNT 8' >"$scratch/tree/libapex/core/a.h"
[ -z "$(about x 5 5.5 1)" ] && [ -n "$(about x 5 7 1)" ] || wrong=1
(
    root=$scratch/tree
    constant a.md '([0-9]+) size classes' core/a.h CLASS_COUNT
) | grep -q "^FAIL: docs/a.md says '7' where CLASS_COUNT of core/a.h is '8'" || wrong=1
printf '| **one** |\n| `a` | AAA | --A |\n| `b` | L | P |\n' >"$scratch/tree/docs/attacks.md"
printf '| one | 4 | **4** | 2 | 0 | 0 | 0 | 0 | 0 | 0 |\nhas 2 programs\n' \
    >"$scratch/tree/docs/SECURITY.md"
(crimes "$scratch/tree") | grep -v "no row '| all" | grep -q FAIL && wrong=1
sed -i 's/4/5/' "$scratch/tree/docs/SECURITY.md"
(crimes "$scratch/tree") | grep -q "SECURITY.md has no row '| one | 4 | 4 | 2 |" || wrong=1
[ "$wrong" -eq 0 ] || echo 'FAIL: self-test'

constants
crimes "$root"
if [ -z "${APEX_SANITIZED:-}" ]; then
    memory
    sealed
    # shellcheck disable=SC2086
    if $APEX_CC --version | head -n 1 | grep -q '^g\?cc' &&
        ! grep -q -e '--enable-debug' "$top_builddir/config.log"; then
        instructions
        guarded
    fi
fi
[ "$((failures + wrong))" -eq 0 ]
