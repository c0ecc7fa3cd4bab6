// SPDX-License-Identifier: MIT
//
// A number that nobody outside of the process knows, and random numbers.

#ifndef TINY_SECRET_H
#define TINY_SECRET_H

#include <stdint.h>

// Set once, with the lock, before there is a chunk.
extern uintptr_t secret_key;

void secret_begin(void);

// A number below `limit` that is hard to guess. Any thread.
uint32_t random_below(uint32_t limit);

#endif
