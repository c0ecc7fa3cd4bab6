#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs under libapex-hardened.so every crime that the fast library stops, and those that only this
# one stops: most of them for objects of 8 bytes, 4 KiB and 256 KiB. Each must end as it announces:
# die by SIGABRT with its line or by SIGSEGV at a guard page, have no effect, or go unpunished; and
# what goes unpunished is what docs/SECURITY.md lists with the reason, no more and no less. Classes
# are larger here than in the fast library: what the first kind says of them is left out of the
# comparison. Reason: the hardened library is sold by this list.
#
#   hardened.sh [-l libapex-hardened.so]

. "$(dirname "$0")/lib.sh"
library=$libraries/libapex-hardened.so.0
[ "$1" = -l ] && library=$2
: >"$scratch/unpunished"

without_class()
{
    sed 's/, size class [0-9]* bytes//' "$1" | head -n 1
}

# The class is left out where the crime says that it does not matter.
as_it_is()
{
    if grep -q 'size class ? bytes' "$scratch/out"; then
        sed 's/size class [0-9]* bytes/size class ? bytes/' "$1" | head -n 1
    else
        head -n 1 "$1"
    fi
}

# punished <how to read the lines> <command>…
punished()
{
    read_line=$1
    shift
    commit env LD_PRELOAD="$library" "$@"
    announced=$($read_line "$scratch/out")
    said=$($read_line "$scratch/err")
    verdict=$(tail -n 1 "$scratch/out")
    case $announced in
    SIGSEGV) judge "$*" 139 "$announced" "${said:-SIGSEGV}" ;;
    'no effect') judge "$*" 0 'the crime had no effect' "$verdict$said" ;;
    unpunished)
        judge "$*" 0 'the crime went unpunished' "$verdict$said"
        shift
        echo "$crime${1:+ $1}" >>"$scratch/unpunished"
        ;;
    *) judge "$*" 134 "$announced" "$said" ;;
    esac
}

# Rows of the document's table, `crime` | 8, 4096 | reason, as `crime 8`, `crime 4096`.
documented()
{
    # shellcheck disable=SC2016  # backquotes are text here
    sed -n '/^| crime | bytes | why/,/^$/s/^| `\([a-z_0-9]*\)` | \([^|]*\) | [^|].*|$/\1 \2/p' \
        "$sources/../../docs/SECURITY.md" | awk '
            { gsub(/,/, "") }
            $2 == "any" { print $1; next }
            { for (i = 2; i <= NF; i++) print $1, $i }'
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
    crime=$(basename "$source" .c)
    if grep -q 'crime_size(' "$source"; then
        for size in 8 4096 262144; do
            punished as_it_is "$programs/hardened/$crime" $size
        done
    else
        punished as_it_is "$programs/hardened/$crime"
    fi
done
for source in "$sources"/sealed/*.c; do
    for size in 8 4096 262144; do
        punished as_it_is "$programs/sealed/$(basename "$source" .c)" $size
    done
done
sort -o "$scratch/unpunished" "$scratch/unpunished"
documented | sort >"$scratch/documented"
comm -23 "$scratch/unpunished" "$scratch/documented" >"$scratch/unexplained"
comm -13 "$scratch/unpunished" "$scratch/documented" >"$scratch/outdated"
while read -r crime; do
    complain "$crime goes unpunished: docs/SECURITY.md does not say why"
done <"$scratch/unexplained"
while read -r crime; do
    complain "$crime is stopped, or is no crime: docs/SECURITY.md says that it goes unpunished"
done <"$scratch/outdated"
crimes_end
