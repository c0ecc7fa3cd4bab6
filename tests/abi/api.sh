#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/API.md against what glibc and libapex really export: every name of glibc that has to do with
# memory has a row, every row tells the truth, and libapex exports nothing that has none.

. "$(dirname "$0")/../preload/lib.sh"

table=$top_srcdir/docs/API.md

exports()
{
    nm -D --defined-only "$1" | awk '$2 ~ /[TWVBDRi]/ { sub(/@.*/, "", $3); print $3 }' | sort -u
}

# none_in LIST MESSAGE: the list of names is empty.
none_in()
{
    [ ! -s "$work/$1" ] || fail "$2: $(tr '\n' ' ' <"$work/$1")"
}

# Rows are | `name` | yes/no/other | text |
sed -n 's/^| `\([A-Za-z0-9_]*\)` | \([a-z]*\) |.*/\1 \2/p' "$table" | sort >"$work/rows"
cut -d' ' -f1 "$work/rows" >"$work/names"
[ "$(wc -l <"$work/names")" -gt 100 ] ||
    fail "the tables of $table are not where they were"
uniq -d "$work/names" >"$work/twice"
none_in twice "docs/API.md has two rows for"

libc=$(ldd "$(command -v ls)" | awk '/libc\.so\.6/ { print $3 }')
exports "$libc" | grep -E 'alloc|free|mall|morecore|mcheck|mprobe|mtrace|obstack' \
    >"$work/libc"
[ "$(wc -l <"$work/libc")" -gt 50 ] || fail "cannot read the names of $libc"
comm -23 "$work/libc" "$work/names" >"$work/missing"
none_in missing "glibc exports, but docs/API.md has no row for"

exports "$lib" >"$work/apex"
awk '$2 == "yes" { print $1 }' "$work/rows" | comm -23 - "$work/apex" >"$work/promised"
none_in promised "docs/API.md says yes, but libapex.so.0 lacks"
awk '$2 == "yes" { print $1 }' "$work/rows" | comm -13 - "$work/apex" >"$work/silent"
none_in silent "libapex.so.0 exports without a yes in docs/API.md"

grep '^apex_' "$work/apex" >"$work/own"
exports "$lib_dlopen" >"$work/dlopen"
expect "libapex-dlopen.so.0 exports the apex_ names" "$work/own" "$work/dlopen"

# What the header declares is what exists.
sed -n 's/^APEX_API.*[ *]\(apex_[a-z_]*\)(.*/\1/p' "$top_srcdir/libapex/apex.h" |
    sort >"$work/header"
expect "apex.h against libapex.so.0" "$work/header" "$work/own"

nm -g --defined-only "$lib_static" | awk '$2 ~ /[TWVBDRi]/ { print $3 }' | sort -u >"$work/static"
# But for this one, which libc.a defines beside what runs the handlers.
grep -vx '__register_atfork' "$work/apex" >"$work/shared"
expect "libapex.a has the names of libapex.so.0" "$work/shared" "$work/static"
echo "api: $(wc -l <"$work/libc") names of glibc, $(wc -l <"$work/apex") of libapex"
