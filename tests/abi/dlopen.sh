#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libapex-dlopen.so.0 in a running program: usable from all its threads, needs no static TLS, leaves
# malloc alone.

. "$(dirname "$0")/../preload/lib.sh"

build_c "$work/dlopen" "$top_srcdir/tests/abi/dlopen.c"
"$work/dlopen" "$lib_dlopen" >"$work/out" 2>&1 || {
    cat "$work/out" >&2
    fail "dlopen: exit code $?"
}
echo "errors: 0" >"$work/wanted"
expect dlopen "$work/wanted" "$work/out"

if readelf -d "$lib_dlopen" | grep -q STATIC_TLS; then
    fail "libapex-dlopen.so.0 asks for static TLS"
fi
readelf -d "$lib" | grep -q STATIC_TLS ||
    fail "libapex.so.0 does not use static TLS: slower than need be"
echo "dlopen: ok"
