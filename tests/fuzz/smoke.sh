#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The harness of the fuzzer on some inputs at random, always the same ones, with guard pages and
# without: so that it stays right between the times somebody runs `make fuzz`.

set -eu

inputs=300
"$top_builddir"/tests/fuzz/fuzz_test --seed 1 --inputs $inputs
FUZZ_REFUSE_GUARDS=1 "$top_builddir"/tests/fuzz/fuzz_test --seed 2 --inputs $inputs
