#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A program that runs with more rights than its caller takes no options from the caller's
# environment. The nonsense option is warned about where the environment is read, and only there.
# Making such a program takes root; without, only the first half can be seen.

. "$(dirname "$0")/../preload/lib.sh"

build_c "$work/secure" "$top_srcdir/tests/abi/secure.c" -static "$lib_static"
chmod 755 "$work"
APEX_OPTIONS=nonsense=1 "$work/secure" >"$work/out" 2>"$work/err"
echo "secure 0" >"$work/wanted"
expect "ordinary program, stdout" "$work/wanted" "$work/out"
grep -q nonsense "$work/err" || fail "an ordinary program does not read APEX_OPTIONS"

if findmnt -n -o OPTIONS -T "$work" | grep -q nosuid; then
    echo "secure: ok for an ordinary program; none is setuid below $work, it is mounted nosuid"
elif [ "$(id -u)" = 0 ]; then
    chmod 4755 "$work/secure"
    setpriv --reuid=65534 --regid=65534 --clear-groups env APEX_OPTIONS=nonsense=1 \
        "$work/secure" >"$work/out" 2>"$work/err" || fail "setuid: exit code $?"
    echo "secure 1" >"$work/wanted"
    expect "setuid program, stdout" "$work/wanted" "$work/out"
    : >"$work/wanted"
    expect "setuid program, stderr" "$work/wanted" "$work/err"
    echo "secure: ok"
else
    echo "secure: ok for an ordinary program; not root, so none that is setuid"
fi
