#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Phase II with the blocks that are judged: they must serve what they served before, and accept.c
# has what is new.

. "$(dirname "$0")/../lib.sh"

phase 02
[ -f "$work/picture.c" ] || rm "$OUT/phase/picture.c" # it draws the lists
library
compile accept "$here/accept.c" -I"$OUT/phase"
preload=$OUT/libtiny.so judge accept
judged=$figures
phase_tests 01 02
accept "$judged"
