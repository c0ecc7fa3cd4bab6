#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The semantics test, over the names of libc: against glibc itself, which shows that it asks for
# nothing that glibc does not promise, then under libapex.

. "$(dirname "$0")/../preload/lib.sh"

build_c "$work/plain_names" "$top_srcdir/tests/unit/abi_test.c" -DABI_PLAIN -fno-builtin -lcmocka

"$work/plain_names" >"$work/glibc.out" 2>&1 || {
    cat "$work/glibc.out" >&2
    fail "against glibc"
}
EXPECT_APEX=1 LD_PRELOAD=$lib "$work/plain_names" >"$work/apex.out" 2>&1 || {
    cat "$work/apex.out" >&2
    fail "under libapex"
}
echo "names: ok"
