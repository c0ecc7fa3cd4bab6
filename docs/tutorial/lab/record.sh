#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Records a trace for replay.c: what COMMAND asks of malloc, at most so many calls, as text. A line
# is `a OBJECT BYTES` (malloc), `r OBJECT BYTES` (realloc) or `f OBJECT` (free); OBJECT is a number.
#
#   record.sh TRACE CALLS COMMAND…

set -eu
trace=$1
calls=$2
shift 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cc -O2 -shared -fPIC -fno-builtin -o "$scratch/record.so" "$(dirname "$0")/record.c"
TINY_TRACE=$scratch/calls LD_PRELOAD=$scratch/record.so "$@" >/dev/null
awk -v most="$calls" '
    NR > most { exit }
    $1 == "f" && $2 in object { print "f", object[$2]; delete object[$2] }
    $1 == "a" { object[$3] = ++count; print "a", count, $4 }
    $1 == "r" && $2 in object {
        number = object[$2]
        delete object[$2]
        if ($4 == 0) { print "f", number; next }
        object[$3] = number
        print "r", number, $4
        next
    }
    $1 == "r" && $4 > 0 { object[$3] = ++count; print "a", count, $4 }
' "$scratch/calls" >"$trace"
