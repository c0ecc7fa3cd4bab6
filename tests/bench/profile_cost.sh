#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The heap profile costs less than a hundredth of a program's instructions while it is on, at one
# sample in 512 KiB. Reason: it is there to be switched on in production, and each allocation that
# leaves the fast path for it costs more than all of that.

command -v valgrind >/dev/null && command -v sqlite3 >/dev/null && command -v perl >/dev/null || {
    echo 'valgrind, sqlite3 or perl is missing'
    exit 77
}
said=$("$top_srcdir/bench/cost/profile.sh" "$PWD/libapex/.libs/libapex.so.0" 512k 2) || exit 1
echo "$said"
echo "$said" | awk '
    { sub(/%/, ""); rows++ }
    $2 == 0 || $NF + 0 >= 1 { bad = 1 }
    END { exit bad || rows != 4 }'
