// SPDX-License-Identifier: MIT
//
// A part of the daemon that reads what strangers send, behind one door: bytes come in, and what
// must be true afterwards is checked here. Each *_target.c is one such part, linked either with
// libFuzzer (fuzzer.c) or with a program that brings its own inputs (fuzz_test.c).

#ifndef TESTS_FUZZ_DAEMON_TARGET_H
#define TESTS_FUZZ_DAEMON_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define TARGET_BYTES_MAX 16384 // of an input; more is left out

// Says what does not hold, and ends: libFuzzer then keeps the input.
#define TARGET_CHECK(claim)                                                               \
    do {                                                                                  \
        if (!(claim)) {                                                                   \
            fprintf(stderr, "%s:%d: it does not hold: %s\n", __FILE__, __LINE__, #claim); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

// Once, before the first input.
void target_start(void);

void target_run(const uint8_t *data, size_t bytes);

// Good input number `index`, which the fuzzer begins with; its size, 0 when there is none. `out`
// has room for TARGET_BYTES_MAX.
size_t target_seed(unsigned index, uint8_t *out);

#endif
