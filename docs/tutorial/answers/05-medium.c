// SPDX-License-Identifier: MIT
//
// Phase V, medium exercise: a thread keeps a few empty blocks for whatever class needs one next,
// and so takes the lock less often.
//
// IN thread.h

struct thread_heap {
    struct block *available[SIZE_CLASS_COUNT]; // that have room; the owner's
    struct block *spare[4];                    // empty, in no list; the owner's
    unsigned spares;
    struct chunk *returned;        // under the lock
    struct thread_heap *next_idle; // under the lock
};

// IN heap_block.c

struct block *
heap_open(struct thread_heap *mine, unsigned c)
{
    struct block *block = mine->spares > 0 ? mine->spare[--mine->spares] : NULL;

    if (block == NULL) {
        heap_begin();
        block = superblock_take(1, BLOCK_BYTES);
        heap_end();
    }
    if (block != NULL) {
        block_open(block, c);
        block->owner = mine;
        block->state = BLOCK_CHUNKS;
    }
    return block;
}

// IN heap_list.c

static void
heap_keep(struct block *block)
{
    struct thread_heap *mine = block->owner;

    if (mine->spares < sizeof mine->spare / sizeof mine->spare[0]) {
        mine->spare[mine->spares++] = block;
    } else {
        heap_give(block);
    }
}

void
heap_put(struct block *block, void *p)
{
    bool was_full = block->used == block->capacity;

    block_put(block, p);
    if (was_full) {
        heap_enter(block);
    }
    bool alone = block->next == NULL && block->previous == NULL;
    if (block->used == 0 && !alone) {
        heap_leave(block);
        heap_keep(block);
    }
}
