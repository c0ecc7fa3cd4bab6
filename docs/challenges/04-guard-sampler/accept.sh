#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Phase VII with guarded objects: many of them under accept.c and the tests of what malloc promises,
# few under those of who waits for whom and of what is noticed.

. "$(dirname "$0")/../lib.sh"

wrap=-Wl,--wrap=heap_alloc,--wrap=heap_free,--wrap=heap_usable_bytes
phase 07
library -DGUARD_EVERY=8 -DGUARD_SLOTS=16 "$wrap"
compile accept "$here/accept.c"
preload=$OUT/libtiny.so judge accept
judged=$figures
phase_tests 01 03 04
compile threads "$here/threads.c"
library -DGUARD_EVERY=4 -DGUARD_SLOTS=32 "$wrap,--wrap=lock_release,--wrap=pthread_mutex_unlock" \
    "$here/slow.c" -I"$OUT/phase"
preload=$OUT/libtiny.so judge threads
library -DGUARD_EVERY=100000 "$wrap"
phase_tests 02 05 06 07
accept "$judged"
