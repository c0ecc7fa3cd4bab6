// SPDX-License-Identifier: MIT
//
// Gives the pages of free blocks back to the kernel: what is free beyond an eighth of what is in
// use, and what has been free for a while. The addresses stay.
//
// Any thread, without the lock. Nobody else waits while the kernel works.

#ifndef TINY_PURGE_H
#define TINY_PURGE_H

#include <stdbool.h>

enum { PURGE_SHARE = 8, PURGE_BLOCKS_MIN = 16, PURGE_AGE_MS = 200 };

// Whether there is something to give back, at this time in ms. With the lock.
bool purge_is_due(unsigned long now_ms);

// A time in ms that only rises.
unsigned long purge_now_ms(void);

// Gives pages back until nothing is due.
void purge_run(void);

#endif
