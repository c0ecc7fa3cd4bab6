#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The sampler is judged by itself, and then in phase IX (profile.c), under a program with threads
# whose allocations are known (threads.c).

. "$(dirname "$0")/../lib.sh"

compile accept "$here/accept.c" "$work/sampler.c"
judge accept
judged=$figures
phase 09
cp "$here/profile.c" "$OUT/phase"
library -Wl,--wrap=heap_alloc
compile threads "$here/threads.c"
preload=$OUT/libtiny.so judge threads
accept "$judged"
