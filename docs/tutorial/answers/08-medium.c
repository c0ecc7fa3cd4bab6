// SPDX-License-Identifier: MIT
//
// Phase VIII, medium exercise: glibc's malloc_trim(), for a program that knows that it will need
// nothing for a while.
//
// IN purge.c

// Gives a run back if it is due, or if it need not be. False when there was none.
static bool
purge_one(bool must_be_due)
{
    heap_begin();
    bool wanted = !must_be_due || purge_is_due(purge_now_ms());
    struct block *block = wanted ? superblock_take_dirty() : NULL;
    if (block != NULL) {
        block->state = BLOCK_OWN;
    }
    heap_end();
    if (block == NULL) {
        return false;
    }
    os_purge(superblock_memory(block), block->run_blocks * BLOCK_BYTES);
    heap_begin();
    superblock_give_clean(block);
    heap_end();
    return true;
}

void
purge_run(void)
{
    while (purge_one(true)) {
    }
}

#define EXPORT __attribute__((visibility("default")))

// Returns 1 if anything was given back. What `keep` asks for is not done.
EXPORT int
malloc_trim(size_t keep)
{
    int done = 0;

    (void)keep;
    while (purge_one(false)) {
        done = 1;
    }
    return done;
}
