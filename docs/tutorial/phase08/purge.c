// SPDX-License-Identifier: MIT
//
// A run that is given back is taken first, as if it were for an object. So nobody else can have it
// while the kernel works, and the lock is not held meanwhile.

#include "purge.h"

#include "heap.h"
#include "os_purge.h"
#include "superblock.h"

#include <time.h>

unsigned long
purge_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (unsigned long)now.tv_sec * 1000 + (unsigned long)now.tv_nsec / 1000000;
}

bool
purge_is_due(unsigned long now_ms)
{
    // BEGIN STEP 3: return false;
    struct superblock_counts counts = superblock_counts();
    size_t share = counts.used / PURGE_SHARE;
    size_t most = share > PURGE_BLOCKS_MIN ? share : PURGE_BLOCKS_MIN;
    bool old = now_ms - counts.dirty_since_ms >= PURGE_AGE_MS;

    return counts.dirty > most || (counts.dirty > 0 && old);
    // END STEP 3
}

void
purge_run(void)
{
    // BEGIN STEP 4:
    unsigned long now_ms = purge_now_ms();

    for (;;) {
        heap_begin();
        struct block *block = purge_is_due(now_ms) ? superblock_take_dirty() : NULL;
        if (block != NULL) {
            block->state = BLOCK_OWN; // it is no object
        }
        heap_end();
        if (block == NULL) {
            return;
        }
        os_purge(superblock_memory(block), block->run_blocks * BLOCK_BYTES);
        heap_begin();
        superblock_give_clean(block);
        heap_end();
    }
    // END STEP 4
}
