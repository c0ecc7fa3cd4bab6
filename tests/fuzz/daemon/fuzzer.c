// SPDX-License-Identifier: MIT
//
// libFuzzer finds inputs, the target runs them. Built by `make fuzz-daemon`.

#include "target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    target_start();
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    target_run(data, bytes < TARGET_BYTES_MAX ? bytes : TARGET_BYTES_MAX);
    return 0;
}
