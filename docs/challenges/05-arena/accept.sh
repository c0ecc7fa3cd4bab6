#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The arena upon libapex of the build. accept.c stands between the two: it counts what is asked of
# libapex, and refuses some of it.

. "$(dirname "$0")/../lib.sh"

built libapex/.libs/libapex.so
apex=$BUILD/libapex/.libs/libapex.so
compile accept "$here/accept.c" "$work"/*.c "$apex" -Wl,-rpath,"${apex%/*}" -I"$TOP/libapex" \
    -Wl,--wrap=apex_malloc,--wrap=apex_calloc,--wrap=apex_aligned_alloc
judge accept
accept "$figures"
