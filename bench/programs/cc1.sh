#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The C compiler proper, gcc's cc1, on a preprocessed file that generate_c.awk makes. Optimised, so
# that most passes run.
#
#   cc1.sh FUNCTIONS

. "$(dirname "$0")/lib.sh"
need gcc awk
file=$BENCH_DATA/cc1-$1.i

if preparing; then
    awk -v functions="$1" -f "$(dirname "$0")/generate_c.awk" </dev/null >"$BENCH_SCRATCH/part.c"
    gcc -E -P "$BENCH_SCRATCH/part.c" -o "$file.part"
    mv "$file.part" "$file"
    exit 0
fi
under "$(gcc -print-prog-name=cc1)" -quiet -O2 -fpreprocessed "$file" -o "$BENCH_SCRATCH/out.s"
