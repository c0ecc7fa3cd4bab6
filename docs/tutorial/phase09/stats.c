// SPDX-License-Identifier: MIT
//
// Sums of what blocks and large objects say of themselves. Nothing is counted for this alone, so it
// costs those who allocate nothing.

#include "stats.h"

#include "block_count.h"
#include "heap.h"
#include "large.h"
#include "superblock.h"
#include "text.h"
#include "tiny.h"

static void
stats_add_block(struct tiny_stats *out, const struct block *block)
{
    // BEGIN STEP 2:
    size_t run_bytes = block->run_blocks * BLOCK_BYTES;

    if (block->state == BLOCK_CHUNKS) {
        size_t used = block_used(block);
        out->objects += used;
        out->object_bytes += used * block->chunk_bytes;
        out->block_bytes += BLOCK_BYTES;
    } else if (block->state == BLOCK_LARGE) {
        out->objects++;
        out->object_bytes += run_bytes;
        out->block_bytes += run_bytes;
    }
    // END STEP 2
}

static void
stats_add_superblock(struct tiny_stats *out, const struct superblock *sb)
{
    out->mapped_bytes += SPAN_BYTES;
    out->dirty_bytes += (size_t)__builtin_popcountll(sb->dirty) * BLOCK_BYTES;
    for (size_t i = 1; i < SUPERBLOCK_BLOCKS; i++) {
        stats_add_block(out, &sb->block[i]);
    }
}

void
tiny_stats(struct tiny_stats *out)
{
    // BEGIN STEP 2: *out = (struct tiny_stats){0};
    *out = (struct tiny_stats){0};
    heap_hold();
    for (const struct superblock *sb = superblock_first(); sb != NULL; sb = sb->next) {
        stats_add_superblock(out, sb);
    }
    for (const struct large *large = large_first(); large != NULL; large = large->next) {
        out->objects++;
        out->object_bytes += large->object_bytes;
        out->block_bytes += large->object_bytes;
        out->mapped_bytes += large->mapped_bytes;
    }
    heap_let_go();
    // END STEP 2
}

void
stats_print(int fd)
{
    struct tiny_stats stats;

    tiny_stats(&stats);
    text_print(fd, "libtiny: %zu objects of %zu KiB in %zu KiB; %zu KiB dirty, %zu KiB mapped\n",
               stats.objects, stats.object_bytes / 1024, stats.block_bytes / 1024,
               stats.dirty_bytes / 1024, stats.mapped_bytes / 1024);
}
