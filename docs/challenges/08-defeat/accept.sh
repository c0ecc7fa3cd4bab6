#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs each workload under phase II and under phase VIII, and holds what they hold against what is
# live.

. "$(dirname "$0")/../lib.sh"

lines=$(grep -c '[^[:space:]]' "$work/workload.c") || true
[ "$lines" -le 60 ] || refuse "workload.c has $lines lines; 60 are enough"
compile accept "$here/accept.c" "$work"/*.c

# under NN ROMAN WORKLOAD LEAST MOST: `figures` is what it says.
under()
{
    if [ ! -f "$OUT/lib$1.so" ]; then
        shared "lib$1.so" "$TOP/docs/tutorial/phase$1"/*.c
    fi
    preload=$OUT/lib$1.so judge accept "$3" "$2" "$4" "$5"
}

under 02 II kept 8 1000
kept=${figures#* }
under 08 VIII kept 1 2
under 02 II pinned 32 1000
pinned=${figures#* }
under 08 VIII pinned 32 1000
under 02 II piled 8 1000
piled=${figures#* }
under 08 VIII piled 8 1000
accept "phase II holds $kept times the live bytes and phase VIII at most 2; pinned, both hold\
 $pinned times; piled, both hold $piled times the peak"
