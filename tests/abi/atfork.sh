#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fork handlers that libraries register before libapex has run its constructor. Reason: prepare
# handlers run newest first, so but for __register_atfork theirs would run while libapex holds its
# locks; and then one must not wait for a thread that allocates, ends or opens a stream. Under the
# fast library and the hardened one. LATE and START: a library that forks when libapex has had its
# destructors, and one that keeps the loader busy while libapex starts.

. "$(dirname "$0")/../preload/lib.sh"

files=$top_srcdir/tests/abi/atfork
cp "$top_builddir/libapex/.libs/libapex-hardened.so.0" "$work/"

for scene in POOL LOG CHILD LATE START; do
    build_c "$work/lib$scene.so" "${files}_lib.c" -DATFORK_$scene -shared -fPIC
    build_c "$work/$scene" "$files.c" -DATFORK_$scene -Wl,--no-as-needed -L"$work" -l"$scene" \
        -Wl,-rpath,"$work"
done
build_c "$work/slow.so" "${files}_lib.c" -DATFORK_SLOW -shared -fPIC -L"$work" -lSTART \
    -Wl,-rpath,"$work"
export ATFORK_SLOW="$work/slow.so"
build_c "$work/plugin.so" "${files}_lib.c" -DATFORK_PLUGIN -shared -fPIC
build_c "$work/PLUGIN" "$files.c" -DATFORK_PLUGIN

for lib in "$lib" "$work/libapex-hardened.so.0"; do
    which=${lib##*/}
    for scene in POOL LOG CHILD LATE START; do
        same "$scene.$which" "$work/$scene"
        # In front of libapex, too.
        LD_PRELOAD="$work/lib$scene.so $lib" "$work/$scene" >"$work/out" 2>&1 ||
            fail "$scene, preloaded in front of $which: exit code $?"
    done
    same "PLUGIN.$which" "$work/PLUGIN" "$work/plugin.so"
    LD_PRELOAD=$lib APEX_OPTIONS=heap_limit=2m "$work/PLUGIN" "$work/plugin.so" \
        >"$work/out" 2>&1 || fail "PLUGIN, limited: exit code $?"
    grep -q "3 MB: no" "$work/out" ||
        fail "PLUGIN, limited: the option is not in force: $(cat "$work/out")"
done
echo "atfork: ok"
