// SPDX-License-Identifier: MIT
//
// What the driver calls, and what it offers.

#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>

// Uses a pool as the bytes say, and calls target_found() when the pool does not keep what pool.h
// promises. The same bytes must give the same result, whatever came before. Any bytes are good.
void target(const unsigned char *data, size_t bytes);

// `why` is printed. Does not return. If the pool dies of a signal, that is found as well.
__attribute__((noreturn)) void target_found(const char *why);

#endif
