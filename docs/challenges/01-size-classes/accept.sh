#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The classes are judged by themselves, and then at work in phase V. The tests of phases I, III, IV
# and V must pass; phase II holds sizes against a bound of its own, for which accept.c has another.

. "$(dirname "$0")/../lib.sh"

phase 05
compile accept "$here/accept.c" "$work/size_class.c" -I"$OUT/phase"
judge accept
judged=$figures
library
phase_tests 01 03 04 05
accept "$judged"
