#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Has the script draw a recorded heap, some that are made of it, and that of a process that runs.

. "$(dirname "$0")/../lib.sh"

lines=$(grep -c '[^[:space:]]' "$work/heap_svg.py") || true
[ "$lines" -le 120 ] || refuse "heap_svg.py has $lines lines; 120 are enough"
serve
"$BUILD/apexctl/apexctl" map "$served" -o json >"$OUT/live.json" || refuse 'apexctl map fails'
script accept "$here/accept.py"
judge accept "$work/heap_svg.py" "$here/recorded.json" "$OUT/live.json"
accept "$figures"
