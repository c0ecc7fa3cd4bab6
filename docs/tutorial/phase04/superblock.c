// SPDX-License-Identifier: MIT
//
// Superblocks come and go, and are looked into. Bit sets find a run without a look at a single
// block.
//
// Invariants
//   P1  A bit of `free` is set if and only if the block's state is FREE.
//   P2  A block that is not free is committed.
//   P3  A superblock without a block in use is the only one.

#include "superblock.h"

#include "os.h"

struct superblock *superblock_list;

const struct superblock *
superblock_first(void)
{
    return superblock_list;
}

struct superblock *
superblock_of(const void *p)
{
    return (struct superblock *)((uintptr_t)p & ~(SPAN_BYTES - 1));
}

struct block *
superblock_block_of(const void *p)
{
    // BEGIN STEP 3: return NULL;
    struct superblock *sb = superblock_of(p);

    return &sb->block[(size_t)((const char *)p - (const char *)sb) / BLOCK_BYTES];
    // END STEP 3
}

char *
superblock_memory(const struct block *block)
{
    // BEGIN STEP 3: return NULL;
    struct superblock *sb = superblock_of(block);

    return (char *)sb + (size_t)(block - sb->block) * BLOCK_BYTES;
    // END STEP 3
}

uint64_t
superblock_bits(size_t at, size_t blocks)
{
    return (UINT64_MAX >> (64 - blocks)) << at;
}

struct superblock *
superblock_make(void)
{
    // BEGIN STEP 3: return NULL;
    struct superblock *sb = os_reserve(SPAN_BYTES, SPAN_BYTES);

    if (sb == NULL || !os_commit(sb, BLOCK_BYTES)) {
        if (sb != NULL) {
            os_release(sb, SPAN_BYTES);
        }
        return NULL;
    }
    sb->span.kind = SPAN_SUPERBLOCK;
    sb->committed = 1;
    sb->free = ~UINT64_C(1);
    sb->next = superblock_list;
    if (superblock_list != NULL) {
        superblock_list->previous = sb;
    }
    superblock_list = sb;
    registry_add(&sb->span);
    return sb;
    // END STEP 3
}

static void
superblock_unmake(struct superblock *sb)
{
    if (sb->next != NULL) {
        sb->next->previous = sb->previous;
    }
    if (sb->previous != NULL) {
        sb->previous->next = sb->next;
    } else {
        superblock_list = sb->next;
    }
    registry_remove(&sb->span);
    os_release(sb, SPAN_BYTES);
}

bool
superblock_settle(struct superblock *sb)
{
    bool goes = sb->free == ~UINT64_C(1) && (sb->next != NULL || sb->previous != NULL);

    if (goes) {
        superblock_unmake(sb);
    }
    return goes;
}

// The number of the first block of a run, 0 when there is none. A bit stays where this block and
// the next are free; after blocks - 1 times, where a whole run begins.
size_t
superblock_find(const struct superblock *sb, size_t blocks, size_t align)
{
    // BEGIN STEP 4: return 0;
    uint64_t begin = sb->free;

    for (size_t i = 1; i < blocks; i++) {
        begin &= begin >> 1;
    }
    if (align > BLOCK_BYTES) {
        uint64_t aligned = 0;
        for (size_t at = 0; at < SUPERBLOCK_BLOCKS; at += align / BLOCK_BYTES) {
            aligned |= UINT64_C(1) << at;
        }
        begin &= aligned;
    }
    return begin == 0 ? 0 : (size_t)__builtin_ctzll(begin);
    // END STEP 4
}
