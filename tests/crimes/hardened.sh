#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs under libapex-hardened.so every crime that the fast library stops, and those that only this
# one stops: each for objects of 8 bytes, 4 KiB and 256 KiB. Each must die by SIGABRT with the line
# it has announced, or, where it meets a guard page, by SIGSEGV. Classes are larger here than in the
# fast library: what the first kind says of them is left out of the comparison. Reason: the hardened
# library is sold by this list.
#
#   hardened.sh [-l libapex-hardened.so]

. "$(dirname "$0")/lib.sh"
library=$libraries/libapex-hardened.so.0
[ "$1" = -l ] && library=$2

without_class()
{
    sed 's/, size class [0-9]* bytes//' "$1" | head -n 1
}

as_it_is()
{
    head -n 1 "$1"
}

# punished <how to read the lines> <command>…
punished()
{
    read_line=$1
    shift
    commit env LD_PRELOAD="$library" "$@"
    announced=$($read_line "$scratch/out")
    said=$($read_line "$scratch/err")
    if [ "$announced" = SIGSEGV ]; then
        judge "$*" 139 "$announced" "${said:-SIGSEGV}"
    else
        judge "$*" 134 "$announced" "$said"
    fi
}

[ -f "$library" ] || complain "$library: not there"
for source in "$sources"/*.c; do
    case $source in
    # They wait for a freed chunk to be allocated again, which the quarantine delays, or overwrite
    # a list that is elsewhere here. Their like is in the folder hardened.
    */corrupt_list_*.c | */double_free_after_reuse.c) continue ;;
    esac
    punished without_class "$programs/$(basename "$source" .c)"
done
for source in "$sources"/hardened/*.c; do
    for size in 8 4096 262144; do
        punished as_it_is "$programs/hardened/$(basename "$source" .c)" $size
    done
done
crimes_end
