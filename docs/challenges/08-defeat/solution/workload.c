// SPDX-License-Identifier: MIT
//
// Three ways to make an allocator hold memory that nobody uses.

#include "workload.h"

enum { BLOCK = 64 << 10, BYTES = 1000, OBJECTS_MAX = 1 << 18 };

static void *object[OBJECTS_MAX];

static void
workload_fill(size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        object[i] = workload_take(bytes);
    }
}

// Gives back all but each `kept`th: one in each block, when so many fit into a block.
static void
workload_thin(size_t count, size_t kept)
{
    for (size_t i = 0; i < count; i++) {
        if (i % kept != 0) {
            workload_give(object[i]);
        }
    }
}

// What lives on lies together, so the blocks of the others are empty. 2 MB, beside which the 16
// free blocks that phase VIII keeps are not much.
void
workload_kept(void)
{
    workload_fill(WORKLOAD_LIVE_MAX / BYTES, BYTES);
    for (size_t i = 2000; i < WORKLOAD_LIVE_MAX / BYTES; i++) {
        workload_give(object[i]);
    }
}

void
workload_pinned(void)
{
    workload_fill(WORKLOAD_LIVE_MAX / BYTES, BYTES);
    workload_thin(WORKLOAD_LIVE_MAX / BYTES, BLOCK / BYTES);
}

// The same in class after class: none can use the holes of those before.
void
workload_piled(void)
{
    size_t live = 0;

    for (size_t bytes = 32; bytes <= 1024; bytes += bytes < 128 ? 16 : bytes / 4) {
        size_t count = (WORKLOAD_PEAK_MIN + BLOCK - live) / bytes;
        workload_fill(count, bytes);
        workload_thin(count, BLOCK / bytes);
        live += (count / (BLOCK / bytes) + 1) * bytes;
    }
}
