#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every real program of this folder once more, under libapex-hardened.so, and once with each of its
# copies compared with the heap by libapex-guard.so. Reason: a hardened allocator that stops a sound
# program is switched off the same day, and so protects nobody.
#
#   hardened.sh [script…]

set -u
here=$(cd "$(dirname "$0")" && pwd)
failures=0
runs=0

[ $# -gt 0 ] || set -- quick apt build git node perl python redis sqlite
for name in "$@"; do
    for guard in '' guarded; do
        runs=$((runs + 1))
        APEX_LIBRARY=libapex-hardened.so.0 APEX_GUARD=$guard "$here/$name.sh" ||
            { echo "FAIL: $name.sh under libapex-hardened, $guard"; failures=$((failures + 1)); }
    done
done
echo "$runs scripts, $failures failed"
[ "$failures" -eq 0 ]
