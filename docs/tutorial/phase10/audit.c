// SPDX-License-Identifier: MIT
//
// Every invariant as a question. The letters are those of the headers: who breaks one there finds
// it named here.
//
// Own blocks are looked into; of others' the descriptor only, since their chunks change.

#include "heap.h"
#include "large.h"
#include "os.h"
#include "superblock.h"
#include "thread.h"
#include "tiny.h"

// What is wrong, for the first that is; NULL so far.
struct audit {
    const char *wrong;
    const struct thread_heap *mine;
    size_t astray; // chunks of own blocks that are marked, and in no block's list
};

static void
audit_expect(struct audit *audit, bool truth, const char *otherwise)
{
    if (!truth && audit->wrong == NULL) {
        audit->wrong = otherwise;
    }
}

static bool
audit_in_list(const struct block *block)
{
    const struct block *at = block->owner->available[block->size_class];

    while (at != NULL && at != block) {
        at = at->next;
    }
    return at == block;
}

// A block of the calling thread.
static void
audit_block(struct audit *audit, const struct block *block)
{
    // BEGIN STEP 3:
    const char *start = superblock_memory(block);
    size_t listed = 0, marked = 0;

    for (const struct chunk *at = block->free; at != NULL && listed <= block->capacity; listed++) {
        audit_expect(audit, chunk_is_marked(at), "B3: a chunk in a list has no mark");
        at = chunk_next(at);
    }
    for (size_t i = 0; i < block->carved; i++) {
        const void *chunk = start + i * block->chunk_bytes;
        marked += chunk_is_marked(chunk) ? 1 : 0;
    }
    audit_expect(audit, block->carved <= block->capacity, "B1: more chunks than fit");
    audit_expect(audit, block->used + listed == block->carved, "B2: used is not carved - listed");
    audit_expect(audit, audit_in_list(block) == (block->used < block->capacity),
                 "H1: a block with room is in no list, or a full one is");
    audit->astray += marked - listed;
    // END STEP 3
}

static void
audit_superblock(struct audit *audit, const struct superblock *sb)
{
    // BEGIN STEP 2:
    bool known = registry_find((const char *)sb + 1) == &sb->span;
    audit_expect(audit, known, "S1: a superblock is not registered");
    audit_expect(audit, (sb->dirty & ~sb->committed) == 0, "P4: dirty, not committed");
    audit_expect(audit, (sb->dirty & ~sb->free) == 0, "P4: dirty, and not free");
    bool only = sb->next == NULL && sb->previous == NULL;
    audit_expect(audit, sb->free != ~UINT64_C(1) || only, "P3: an empty superblock is kept");
    for (size_t i = 1; i < SUPERBLOCK_BLOCKS; i++) {
        const struct block *block = &sb->block[i];
        bool is_free = (sb->free >> i & 1) != 0;
        audit_expect(audit, is_free == (block->state == BLOCK_FREE), "P1: bit and state differ");
        audit_expect(audit, is_free || (sb->committed >> i & 1) != 0, "P2: used, not committed");
        if (block->state == BLOCK_CHUNKS && block->owner == audit->mine) {
            audit_block(audit, block);
        }
    }
    // END STEP 2
}

// How many chunks are in the calling thread's quarantine, and on their way home to it.
static size_t
audit_astray(const struct thread_heap *mine)
{
    // BEGIN STEP 4: return 0;
    size_t count = 0;

    if (mine == NULL) {
        return 0;
    }
    for (size_t i = 0; i < QUARANTINE_CHUNKS; i++) {
        count += mine->quarantine.held[i] != NULL ? 1 : 0;
    }
    // Only the owner takes, so what is behind the first stays.
    for (const struct chunk *at = atomic_load(&mine->returned.first); at != NULL;) {
        count++;
        at = chunk_next(at);
    }
    return count;
    // END STEP 4
}

const char *
tiny_audit(void)
{
    struct audit audit = {NULL, thread_mine, 0};

    heap_hold();
    for (const struct superblock *sb = superblock_first(); sb != NULL; sb = sb->next) {
        audit_superblock(&audit, sb);
    }
    for (const struct large *at = large_first(); at != NULL; at = at->next) {
        audit_expect(&audit, registry_find((const char *)at + 1) == &at->span,
                     "S1: a large object is not registered");
    }
    audit_expect(&audit, audit.astray == audit_astray(audit.mine),
                 "M1: a free chunk is in no list, in no quarantine, and not on its way");
    heap_let_go();
    return audit.wrong;
}

void
tiny_refuse(unsigned n)
{
    os_refuse(n);
}
