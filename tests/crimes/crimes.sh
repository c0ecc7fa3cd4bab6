#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs every crime: linked with libapex, and under LD_PRELOAD. Each must die by SIGABRT, and its
# stderr must be exactly the line it has announced on stdout. With APEX_OPTIONS=fault=report it must
# print the same line and live on. Or it announces SIGSEGV, and dies of that either way. Reason: a
# fault that is not stopped, or stopped with another message than the manual says, is a promise
# broken.
#
#   crimes.sh [-d folder-of-programs] [-l libapex.so] [crime…]

. "$(dirname "$0")/lib.sh"
library=$libraries/libapex.so.0
while getopts d:l: option; do
    case $option in
    d) programs=$OPTARG ;;
    l) library=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

# judge_whole WHAT STATUS: judges what has just been committed; its stderr must be that one line.
judge_whole()
{
    case $(head -n 1 "$scratch/out") in
    SIGSEGV) judge "$1" 139 SIGSEGV "SIGSEGV$(cat "$scratch/err")" ;;
    *) judge "$1" "$2" "$(head -n 1 "$scratch/out")" "$(cat "$scratch/err")" ;;
    esac
}

if [ $# -eq 0 ]; then
    set -- $(cd "$sources" && ls -- *.c | sed 's/\.c$//')
fi
[ -f "$library" ] || complain "$library: not there"
for crime in "$@"; do
    [ -x "$programs/$crime" ] || { complain "$crime: not built"; continue; }
    commit env LD_PRELOAD="$library" "$programs/$crime"
    judge_whole "$crime, preloaded" 134
    if [ -x "$programs/linked/$crime" ]; then
        commit "$programs/linked/$crime"
        judge_whole "$crime, linked" 134
    fi
    case $crime in
    corrupt_*) continue ;; # the list is cut off, and other faults may follow
    esac
    commit env LD_PRELOAD="$library" APEX_OPTIONS=fault=report "$programs/$crime"
    judge_whole "$crime, reported" 0
done
crimes_end
