// SPDX-License-Identifier: MIT
//
// Runs of blocks: in the first superblock that has one, the lowest that is long enough;
// and an account of which free blocks may have pages.
//
// Invariant
//   P4  A free block that is not dirty has no pages.

#include "superblock.h"

#include "os.h"
#include "purge.h"

static struct superblock_counts superblock_sum;

// Makes `blocks` from number `at` on a run. NULL when the kernel has no memory for it.
static struct block *
superblock_mark(struct superblock *sb, size_t at, size_t blocks)
{
    uint64_t bits = superblock_bits(at, blocks);
    struct block *first = &sb->block[at];

    if ((sb->committed & bits) != bits &&
        !os_commit((char *)sb + at * BLOCK_BYTES, blocks * BLOCK_BYTES)) {
        return NULL;
    }
    sb->committed |= bits;
    sb->free &= ~bits;
    superblock_sum.dirty -= (size_t)__builtin_popcountll(sb->dirty & bits);
    superblock_sum.used += blocks;
    sb->dirty &= ~bits;
    for (size_t i = 1; i < blocks; i++) {
        first[i].state = BLOCK_TAIL;
    }
    first->state = BLOCK_LARGE;
    first->run_blocks = (uint32_t)blocks;
    return first;
}

struct block *
superblock_take(size_t blocks, size_t align)
{
    struct superblock *sb = superblock_list;
    size_t at = 0;

    while (sb != NULL && (at = superblock_find(sb, blocks, align)) == 0) {
        sb = sb->next;
    }
    if (sb == NULL && ((sb = superblock_make()) == NULL ||
                       (at = superblock_find(sb, blocks, align)) == 0)) {
        return NULL;
    }
    struct block *first = superblock_mark(sb, at, blocks);
    if (first == NULL) {
        superblock_settle(sb); // it may have been made for this run
    }
    return first;
}

// The blocks of a run are free. An empty superblock goes back.
static void
superblock_free_run(struct superblock *sb, struct block *block)
{
    size_t blocks = block->run_blocks;
    size_t dirty = (size_t)__builtin_popcountll(sb->dirty);

    for (size_t i = 0; i < blocks; i++) {
        block[i].state = BLOCK_FREE;
    }
    sb->free |= superblock_bits((size_t)(block - sb->block), blocks);
    superblock_sum.used -= blocks;
    if (superblock_settle(sb)) {
        superblock_sum.dirty -= dirty;
    }
}

void
superblock_give(struct block *block)
{
    struct superblock *sb = superblock_of(block);

    // BEGIN STEP 2:
    if (superblock_sum.dirty == 0) {
        superblock_sum.dirty_since_ms = purge_now_ms();
    }
    superblock_sum.dirty += block->run_blocks;
    sb->dirty |= superblock_bits((size_t)(block - sb->block), block->run_blocks);
    // END STEP 2
    superblock_free_run(sb, block);
}

void
superblock_give_clean(struct block *block)
{
    superblock_free_run(superblock_of(block), block);
}

struct superblock_counts
superblock_counts(void)
{
    return superblock_sum;
}

struct block *
superblock_take_dirty(void)
{
    // BEGIN STEP 2: return NULL;
    struct superblock *sb = superblock_list;

    while (sb != NULL && sb->dirty == 0) {
        sb = sb->next;
    }
    if (sb == NULL) {
        return NULL;
    }
    size_t at = (size_t)__builtin_ctzll(sb->dirty);
    size_t blocks = 1;
    while (blocks < RUN_BLOCKS_MAX && (sb->dirty >> at >> blocks & 1) != 0) {
        blocks++;
    }
    return superblock_mark(sb, at, blocks);
    // END STEP 2
}
