#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every real program of this folder once more, under libapex-hardened.so. Reason: a hardened
# allocator that stops a sound program is switched off the same day, and so protects nobody.
#
#   hardened.sh [script…]

set -u
here=$(cd "$(dirname "$0")" && pwd)
failures=0
runs=0

[ $# -gt 0 ] || set -- quick apt build git node perl python redis sqlite
for name in "$@"; do
    runs=$((runs + 1))
    APEX_LIBRARY=libapex-hardened.so.0 "$here/$name.sh" ||
        { echo "FAIL: $name.sh under libapex-hardened"; failures=$((failures + 1)); }
done
echo "$runs scripts, $failures failed"
[ "$failures" -eq 0 ]
