// SPDX-License-Identifier: MIT
//
// The fuzzer: libFuzzer finds inputs, the harness runs them. Built by `make fuzz`.

#include "harness.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    harness_start(*argv);
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    harness_run(data, bytes);
    return 0;
}
