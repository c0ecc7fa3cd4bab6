#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the crimes of the folder guarded under libapex-hardened.so with libapex-guard.so in front:
# copies past the end of objects of 8 bytes, 4 KiB, 256 KiB and 3 MB, in front of them, to freed
# ones and from them. Each must die by SIGABRT with the line it has announced; with faults only
# reported it must say the same and go on. Reason: such a copy is what an attack begins with, and
# whoever runs with the guard relies on its going no further.
#
#   guarded.sh [crime…]

. "$(dirname "$0")/lib.sh"
preload=$libraries/libapex-guard.so.0:$libraries/libapex-hardened.so.0

# first_line WHAT STATUS: judges what has just been committed by the first lines.
judge_first_line()
{
    judge "$1" "$2" "$(head -n 1 "$scratch/out")" "$(head -n 1 "$scratch/err")"
}

if [ $# -eq 0 ]; then
    set -- $(cd "$sources/guarded" && ls -- *.c | sed 's/\.c$//')
fi
for crime in "$@"; do
    for size in 8 4096 262144 3000000; do
        commit env LD_PRELOAD="$preload" "$programs/guarded/$crime" $size
        judge_first_line "$crime $size" 134
    done
    commit env LD_PRELOAD="$preload" APEX_OPTIONS=fault=report "$programs/guarded/$crime" 8
    judge_first_line "$crime, reported" 0
done
crimes_end
