#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a program that loses objects under the leak finder and libapex: what it asks itself, and what
# is said when it ends.

. "$(dirname "$0")/../lib.sh"

built libapex/.libs/libapex.so
compile accept "$here/accept.c" -I"$TOP/libapex"
shared libleak.so "$work"/*.c -I"$TOP/libapex"
preload="$OUT/libleak.so $BUILD/libapex/.libs/libapex.so"
judge accept
judged=$figures
export LEAK=1
judge accept exit
cmp -s "$OUT/said" "$OUT/errors" ||
    refuse "at the exit it says '$(head -n 1 "$OUT/errors")', not '$(head -n 1 "$OUT/said")'"
accept "$judged"
