#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libapex-guard.so: it exports the functions that docs/API.md lists, and needs libc alone. In front
# of either library or behind it, and without any, programs with threads, forks and first calls
# before any constructor run as without it; and what it stops depends on the library beside it.
# Reason: it takes names that every program uses from its first instruction on.

. "$(dirname "$0")/../preload/lib.sh"

guard=$top_builddir/libapex/.libs/libapex-guard.so.0
hardened=$top_builddir/libapex/.libs/libapex-hardened.so.0

sed -n '/^## Names of libapex-guard/,/^## /s/^- `\([a-z_]*\)`.*/\1/p' "$top_srcdir/docs/API.md" |
    sort >"$work/promised"
nm -D -P --defined-only "$guard" | cut -d' ' -f1 | sort >"$work/given"
[ -s "$work/promised" ] || fail "docs/API.md has no list of names"
expect "the names of libapex-guard.so.0" "$work/promised" "$work/given"
readelf -d "$guard" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
    grep -v '^libc\.so' >"$work/needed" || :
[ ! -s "$work/needed" ] || fail "it needs $(cat "$work/needed")"

build_c "$work/process" "$top_srcdir/tests/abi/process.c"
build_c "$work/libearly.so" "$top_srcdir/tests/abi/early_lib.c" -shared -fPIC
build_c "$work/early" "$top_srcdir/tests/abi/early.c" -L"$work" -learly -Wl,-rpath,"$work" \
    -Wl,-z,now
fast=$lib
for lib in "$guard" "$guard:$fast" "$guard:$hardened" "$hardened:$guard"; do
    # By the names of the libraries.
    name=$(echo "$lib" | sed 's,[^:]*/,,g; s/\.so\.0//g; s/:/_/g')
    same "process_$name" "$work/process"
    same "early_$name" "$work/early"
done

# over LIBRARIES BYTES: the exit code of a program that reads so many bytes of an object of 1000.
cat >"$work/over.c" <<'END'
#include <stdlib.h>
#include <string.h>
static char other[2000];
int
main(int argc, char **argv)
{
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    char *p = argc == 2 ? malloc(1000) : NULL;
    copy(other, p, strtoul(argv[1], NULL, 10));
    return 0;
}
END
build_c "$work/over" "$work/over.c"
build_c "$work/over_linked" "$work/over.c" -Wl,--no-as-needed -L"${hardened%/*}" -lapex-hardened \
    -Wl,-rpath,"${hardened%/*}"
over()
{
    { (ulimit -c 0; LD_PRELOAD=$1 exec "$2" "$3") 2>"$work/over.err"; code=$?; } 2>/dev/null || :
    echo "$code"
}
[ "$(over "$guard:$hardened" "$work/over" 1000)" = 0 ] || fail "1000 of 1000 bytes"
[ "$(over "$guard:$hardened" "$work/over" 1001)" = 134 ] || fail "1001 of 1000 bytes"
grep -q '^libapex: copy out of the bounds of an object (address 0x' "$work/over.err" ||
    fail "it says: $(cat "$work/over.err")"
[ "$(over "$guard:$fast" "$work/over" 1024)" = 0 ] || fail "all bytes of the class, fast library"
[ "$(over "$guard:$fast" "$work/over" 1025)" = 134 ] || fail "more than the class, fast library"
[ "$(over "$guard" "$work/over" 1001)" = 0 ] || fail "without libapex"
[ "$(over "$hardened" "$work/over" 1001)" = 0 ] || fail "without the guard"
[ "$(over "$guard" "$work/over_linked" 1001)" = 134 ] || fail "a program that is linked with it"
echo "guard: $(wc -l <"$work/given") names"
