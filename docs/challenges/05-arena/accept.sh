#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The arena upon libapex of the build. accept.c stands between the two: it counts what is asked of
# libapex, and refuses some of it.

. "$(dirname "$0")/../lib.sh"

apex=$BUILD/libapex/.libs/libapex.so
[ -f "$apex" ] || refuse "there is no $apex: build the tree first"
compile accept "$here/accept.c" "$work"/*.c "$apex" -Wl,-rpath,"${apex%/*}" -I"$TOP/libapex" \
    -Wl,--wrap=apex_malloc,--wrap=apex_calloc,--wrap=apex_aligned_alloc
judge accept
accept "$figures"
