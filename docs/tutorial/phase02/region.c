// SPDX-License-Identifier: MIT
//
// Runs of blocks by first fit: the lowest that is long enough. A freed run needs no list and no
// joining with its neighbours, since being free is a state of each block.
//
// Invariants
//   R1  region_base is NULL or a multiple of 64 KiB at which REGION_BYTES are ours.
//   R2  No block below region_lowest is free, and none at or above region_end was ever in use.

#include "region.h"

#include <sys/mman.h>

static char *region_base;
static size_t region_lowest = REGION_TABLE_BLOCKS;
static size_t region_end = REGION_TABLE_BLOCKS;

// The kernel promises no more than the alignment of a page: take a block more, and begin at the
// first multiple.
static char *
region_make(void)
{
    // BEGIN STEP 2: return NULL;
    char *made = mmap(NULL, REGION_BYTES + BLOCK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (made == MAP_FAILED) {
        return NULL;
    }
    region_base = (char *)(((uintptr_t)made + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1));
    return region_base;
    // END STEP 2
}

static struct block *
region_blocks(void)
{
    return (struct block *)(void *)region_base;
}

struct block *
region_block_of(const void *p)
{
    // BEGIN STEP 2: return NULL;
    return region_blocks() + (size_t)((const char *)p - region_base) / BLOCK_BYTES;
    // END STEP 2
}

char *
region_memory(const struct block *block)
{
    // BEGIN STEP 2: return NULL;
    return region_base + (size_t)(block - region_blocks()) * BLOCK_BYTES;
    // END STEP 2
}

// Makes `blocks` from number `at` on a run.
static struct block *
region_mark(size_t at, size_t blocks)
{
    struct block *first = region_blocks() + at;

    for (size_t i = 1; i < blocks; i++) {
        first[i].state = BLOCK_TAIL;
    }
    first->state = BLOCK_LARGE;
    first->run_blocks = (uint32_t)blocks;
    if (at == region_lowest) {
        region_lowest = at + blocks;
    }
    if (at + blocks > region_end) {
        region_end = at + blocks;
    }
    return first;
}

struct block *
region_take(size_t blocks, size_t align)
{
    // BEGIN STEP 2: return NULL;
    size_t free = 0;

    if (blocks > REGION_BLOCKS || (region_base == NULL && region_make() == NULL)) {
        return NULL;
    }
    for (size_t at = region_lowest; at < REGION_BLOCKS; at++) {
        const struct block *block = region_blocks() + at;
        if (free == 0 && ((uintptr_t)region_memory(block) & (align - 1)) != 0) {
            continue;
        }
        free = block->state == BLOCK_FREE ? free + 1 : 0;
        if (free == blocks) {
            return region_mark(at + 1 - blocks, blocks);
        }
    }
    return NULL;
    // END STEP 2
}

void
region_give(struct block *block)
{
    // BEGIN STEP 2:
    size_t at = (size_t)(block - region_blocks());

    for (size_t i = 0; i < block->run_blocks; i++) {
        block[i].state = BLOCK_FREE;
    }
    if (at < region_lowest) {
        region_lowest = at;
    }
    // END STEP 2
}

size_t
region_table(const struct block **first)
{
    *first = region_blocks() + REGION_TABLE_BLOCKS;
    return region_base == NULL ? 0 : region_end - REGION_TABLE_BLOCKS;
}
