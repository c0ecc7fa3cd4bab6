#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every function of libapex that uses an ordering atomic operation (acquire, release, full fence)
# is named in docs/memory-ordering.md as `file.c:function` (a folder may stand before), with the
# pair it is half of. Reason: half a pair is a bug or a waste, and which of the two cannot be seen
# from one side. And each pair there (`### 5. …`) has its number, in turn, and says what happens
# without it. Tests itself first.
#
#   ordering.sh [top of the sources]

. "$(dirname "$0")/lib.sh"

check_tree()
(
    cd "$1" || exit 2
    find libapex -name '*.[ch]' ! -name atomic.h -type f | sort >"$scratch/files"
    # shellcheck disable=SC2046  # a list of files without blanks
    awk '
        FNR == 1 { name = ""; file = FILENAME; sub(/.*\//, "", file) }
        { sub(/\/\/.*/, "") }
        /^[a-z_][a-z_0-9]*\(/ { name = substr($0, 1, index($0, "(") - 1) }
        /(load_acquire|store_release|exchange_acquire|exchange_acq_rel)\(/ ||
        /(fence_[a-z]+|cas_[a-z_]+)\(/ {
            print file ":" (name == "" ? "outside" : name)
        }' $(cat "$scratch/files") | sort -u >"$scratch/uses"
    failures=0
    while read -r use; do
        grep -qE "\`([a-z_]+/)*$use\`" docs/memory-ordering.md && continue
        complain "$use uses an ordering operation, but docs/memory-ordering.md does not name it"
    done <"$scratch/uses"
    awk '
        function done() { if (head != "" && !without) print head }
        /^##+ / { done(); head = "" }
        /^### / { head = $0; without = 0; if ($2 != ++n ".") print "number " n ": " $0 }
        /(^|[^a-z])Without/ { without = 1 }
        END { done() }' docs/memory-ordering.md >"$scratch/pairs"
    while read -r pair; do
        complain "docs/memory-ordering.md, $pair: does not say what happens without it"
    done <"$scratch/pairs"
    echo "$(wc -l <"$scratch/uses") functions with ordering operations"
    [ "$failures" -eq 0 ]
)

mkdir -p "$scratch/tree/libapex" "$scratch/tree/docs"
printf 'static void\nput(void)\n{\n    store_release(&x, 1);\n}\n' >"$scratch/tree/libapex/box.c"
# shellcheck disable=SC2016  # the backquotes are text
echo 'See `box.c:put`.' >"$scratch/tree/docs/memory-ordering.md"
judge ''
printf 'static int\nget(void)\n{\n    return load_acquire(&x);\n}\n' >>"$scratch/tree/libapex/box.c"
judge 'box.c:get uses'
# shellcheck disable=SC2016
echo 'See `box.c:get`.' >>"$scratch/tree/docs/memory-ordering.md"
printf '### 1. One\nWithout: a.\n\n### 2. Two\nOrders.\n' >>"$scratch/tree/docs/memory-ordering.md"
judge 'docs/memory-ordering.md, ### 2. Two: does not say'
printf 'Without the first: b.\n### 4. Four\nWithout: c.\n' >>"$scratch/tree/docs/memory-ordering.md"
judge 'docs/memory-ordering.md, number 3: ### 4. Four'
check_tree "$root" || wrong=1
[ "$wrong" -eq 0 ]
