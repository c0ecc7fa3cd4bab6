#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The targets of the daemon's fuzzer on their seeds, as they are and changed at random, always the
# same: so that they stay right between the times somebody runs `make fuzz-daemon`.

set -eu

for target in frame message page registrar; do
    echo "$target:"
    "$top_builddir/tests/fuzz/daemon/${target}_test" --seed 1 --inputs 2000
done
