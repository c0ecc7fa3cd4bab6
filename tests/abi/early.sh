#!/bin/sh
# SPDX-License-Identifier: MIT
#
# First calls before any constructor: from the resolver of an indirect function, from the first
# constructor, in a library linked to and in a library preloaded in front of libapex; last calls
# after main.

. "$(dirname "$0")/../preload/lib.sh"

build_c "$work/libearly.so" "$top_srcdir/tests/abi/early_lib.c" -shared -fPIC
build_c "$work/early" "$top_srcdir/tests/abi/early.c" -L"$work" -learly -Wl,-rpath,"$work" \
    -Wl,-z,now

same early "$work/early"
LD_PRELOAD="$work/libearly.so $lib" "$work/early" >"$work/front" 2>&1 ||
    fail "preloaded in front: crash"
head -1 "$work/early.plain.out" >"$work/wanted"
expect "preloaded in front" "$work/wanted" "$work/front"

# Options hold from the constructors on, even if allocations came before there was an environment to
# read.
LD_PRELOAD=$lib APEX_OPTIONS=heap_limit=2m "$work/early" >"$work/out" 2>&1 || fail "limited: crash"
grep -q "3 MB in main: no" "$work/out" ||
    fail "limited: the option is not in force: $(cat "$work/out")"
grep -q "3 MB in main: yes" "$work/front" || fail "$(cat "$work/front")"
echo "early: ok"
