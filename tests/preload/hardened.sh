#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every real program of this folder once more, under libapex-hardened.so with every measure that is
# an option switched on, and each copy compared with the heap by libapex-guard.so; and the quick
# ones under the library as it comes. Reason: a hardened allocator that stops a sound program is
# switched off the same day, and so protects nobody.
#
#   hardened.sh [script…]

set -u
here=$(cd "$(dirname "$0")" && pwd)
failures=0
runs=0

# run <options> <guarded or nothing> <name of a script>
run() {
    runs=$((runs + 1))
    APEX_LIBRARY=libapex-hardened.so.0 APEX_LIBRARY_OPTIONS=$1 APEX_GUARD=$2 "$here/$3.sh" ||
        { echo "FAIL: $3.sh under libapex-hardened, options '$1', $2"; failures=$((failures + 1)); }
}

if [ $# -eq 0 ]; then
    run '' '' quick
    set -- quick apt build git node perl python redis sqlite
fi
for name in "$@"; do
    run seal_metadata=on guarded "$name"
done
echo "$runs scripts, $failures failed"
[ "$failures" -eq 0 ]
