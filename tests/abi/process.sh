#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Threads, thread exit, cancellation, fork under load, vfork, raw clone: preloaded and statically
# linked.

. "$(dirname "$0")/../preload/lib.sh"

build_c "$work/process" "$top_srcdir/tests/abi/process.c"
same process "$work/process"

build_c "$work/static_process" "$top_srcdir/tests/abi/process.c" -static "$lib_static"
"$work/static_process" >"$work/static.out" 2>&1 || {
    cat "$work/static.out" >&2
    fail "static: exit code $?"
}
sed '$d' "$work/process.plain.out" >"$work/wanted"
expect "static" "$work/wanted" "$work/static.out"
echo "static: ok"
