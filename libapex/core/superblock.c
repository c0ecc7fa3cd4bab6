// SPDX-License-Identifier: MIT
//
// Bit sets of free and dirty blocks. The caller holds the pool's lock.

#include "core/superblock.h"

#include "base/bits.h"

struct superblock *
superblock_init(char *base, unsigned home, unsigned node)
{
    struct superblock *sb = superblock_of(base);

    sb->magic = SUPERBLOCK_MAGIC;
    sb->free = ~UINT64_C(1);
    sb->dirty = 0;
    sb->lazy = 0;
    sb->huge = false;
    sb->bound = false;
    sb->run_max = SUPERBLOCK_USABLE_BLOCKS;
    sb->map_row = 0;
    sb->home = (uint8_t)home;
    sb->node = node;
    list_init(&sb->link);
    list_init(&sb->dirty_link);
    list_init(&sb->all_link);
    return sb;
}

int
superblock_take(struct superblock *sb, unsigned count, unsigned from, bool *clean)
{
    int first = bits_find_run(sb->dirty, count, from);

    if (first < 0) {
        first = bits_find_run(sb->free, count, from);
    }
    if (first < 0) {
        sb->run_max = (uint8_t)(count - 1);
        return -1;
    }
    uint64_t taken = bits_range((unsigned)first, count);
    *clean = (sb->dirty & taken) == 0;
    sb->free &= ~taken;
    sb->dirty &= ~taken;
    sb->lazy &= ~taken;
    return first;
}

bool
superblock_take_at(struct superblock *sb, unsigned first, unsigned count)
{
    uint64_t wanted = first + count > BLOCK_COUNT ? 0 : bits_range(first, count);

    if (wanted == 0 || (sb->free & wanted) != wanted) {
        return false;
    }
    sb->free &= ~wanted;
    sb->dirty &= ~wanted;
    sb->lazy &= ~wanted;
    return true;
}

void
superblock_give(struct superblock *sb, unsigned first, unsigned count)
{
    uint64_t given = bits_range(first, count);

    apex_verify(sb->magic == SUPERBLOCK_MAGIC, sb);
    apex_verify((sb->free & given) == 0, sb);
    sb->free |= given;
    sb->dirty |= given;
    sb->run_max = SUPERBLOCK_USABLE_BLOCKS;
}

uint64_t
superblock_take_dirty(struct superblock *sb)
{
    uint64_t blocks = sb->dirty;

    sb->free &= ~blocks;
    sb->dirty = 0;
    sb->lazy = 0;
    return blocks;
}

uint64_t
superblock_take_unmarked(struct superblock *sb)
{
    uint64_t blocks = sb->dirty & ~sb->lazy;

    sb->free &= ~blocks;
    sb->dirty &= ~blocks;
    return blocks;
}

void
superblock_marked(struct superblock *sb, uint64_t blocks, bool lazy)
{
    sb->free |= blocks;
    sb->dirty |= blocks;
    sb->run_max = SUPERBLOCK_USABLE_BLOCKS;
    if (lazy) {
        sb->lazy |= blocks;
    }
}

void
superblock_purged(struct superblock *sb, uint64_t blocks, bool clean)
{
    sb->free |= blocks;
    sb->run_max = SUPERBLOCK_USABLE_BLOCKS;
    if (!clean) {
        sb->dirty |= blocks;
    }
}

void
superblock_audit(const struct superblock *sb)
{
    apex_audit(sb->magic == SUPERBLOCK_MAGIC);
    apex_audit((sb->free & 1) == 0);
    apex_audit((sb->dirty & ~sb->free) == 0);
    apex_audit((sb->lazy & ~sb->dirty) == 0);
    for (unsigned i = 1; i < BLOCK_COUNT; i++) {
        bool is_free = (sb->free >> i & 1) != 0;
        apex_audit(!is_free || superblock_block(sb, i)->owner == NULL);
    }
}
