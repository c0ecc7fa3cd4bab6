// SPDX-License-Identifier: MIT
//
// Runs of blocks: in the first superblock that has one, the lowest that is long enough.

#include "superblock.h"

#include "os.h"

// Makes `blocks` from number `at` on a run. NULL when the kernel has no memory for it.
static struct block *
superblock_mark(struct superblock *sb, size_t at, size_t blocks)
{
    // BEGIN STEP 4: return NULL;
    uint64_t bits = superblock_bits(at, blocks);
    struct block *first = &sb->block[at];

    if ((sb->committed & bits) != bits &&
        !os_commit((char *)sb + at * BLOCK_BYTES, blocks * BLOCK_BYTES)) {
        return NULL;
    }
    sb->committed |= bits;
    sb->free &= ~bits;
    for (size_t i = 1; i < blocks; i++) {
        first[i].state = BLOCK_TAIL;
    }
    first->state = BLOCK_LARGE;
    first->run_blocks = (uint32_t)blocks;
    return first;
    // END STEP 4
}

struct block *
superblock_take(size_t blocks, size_t align)
{
    // BEGIN STEP 4: return NULL;
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
    // END STEP 4
}

void
superblock_give(struct block *block)
{
    // BEGIN STEP 4:
    struct superblock *sb = superblock_of(block);
    size_t blocks = block->run_blocks;

    for (size_t i = 0; i < blocks; i++) {
        block[i].state = BLOCK_FREE;
    }
    sb->free |= superblock_bits((size_t)(block - sb->block), blocks);
    superblock_settle(sb);
    // END STEP 4
}
