// SPDX-License-Identifier: MIT
//
// One piece of address space that all memory of the allocator comes from. What has been taken from
// it stays taken.
//
// Any thread, any time, from the first instruction of the program on.

#ifndef TINY_REGION_H
#define TINY_REGION_H

#include <stdbool.h>
#include <stddef.h>

#define REGION_BYTES ((size_t)16 << 30)

// The next `bytes`, a multiple of 16: aligned to 16, reading as zero. NULL when the region is used
// up, or when the kernel gave none.
void *region_take(size_t bytes);

// Where the region starts, NULL before the first call of region_take(), and how much of it has been
// taken.
char *region_start(void);
size_t region_used_bytes(void);

#endif
