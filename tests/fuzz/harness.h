// SPDX-License-Identifier: MIT
//
// What an input is: steps of four bytes, each an operation or a crime. Two programs use it: the
// fuzzer (fuzzer.c), and the test that replays inputs and makes some of its own (fuzz_test.c).

#ifndef APEX_TESTS_FUZZ_HARNESS_H
#define APEX_TESTS_FUZZ_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#define STEP_BYTES 4

// Once, before the first input. May start the program once more, with `argv`. The kernel refuses
// all guard pages when FUZZ_REFUSE_GUARDS is in the environment.
void harness_start(char **argv);

// Runs an input, and leaves an empty heap. Aborts with a line on stderr when a rule does not hold.
void harness_run(const uint8_t *data, size_t bytes);

#endif
