#!/bin/sh
# SPDX-License-Identifier: MIT
#
# python3 with its own small-object allocator turned off: strings, tuples and dictionaries are made,
# hashed, sorted and dropped, most of them small.
#
#   python.sh OBJECTS

. "$(dirname "$0")/lib.sh"
need python3
preparing && exit 0

# shellcheck disable=SC2016  # python's text
program='
import sys
count = int(sys.argv[1])
state = 12345
table, rows = {}, []
for i in range(count):
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    key = "key%d" % (state % count)
    rows.append((key, state, [i, state]))
    table[key] = table.get(key, ()) + (i,)
rows.sort()
words = sorted(set("%s-%d" % (key, len(value)) for key, value in table.items()))
for i in range(0, count, 3):
    rows[i] = {"row": i, "words": words[i % len(words)].split("-")}
print(len(rows), len(words))
'
PYTHONMALLOC=malloc PYTHONHASHSEED=1
export PYTHONMALLOC PYTHONHASHSEED
under python3 -s -S -B -c "$program" "$1"
