// SPDX-License-Identifier: MIT
//
// From the pool to its blocks to their chunks; then the records of large objects; then the empty
// ones. Blocks change under our eyes: what is read of a descriptor is used so that no value of it
// leads out of the memory of the block.

#include "front/walk.h"

#include "core/empty.h"
#include "core/large.h"
#include "core/remote.h"
#include "core/seal.h"
#include "os/os.h"
#include "policy/pool.h"
#include "policy/sampler.h"

// Objects are looked for under the pool's lock, so many at a time, and shown without it.
#define STEP_OBJECTS 64
#define STEP_CHUNKS 4096

struct walk {
    struct apex_object object[STEP_OBJECTS];
    unsigned count;
    unsigned chunks;          // that were looked at in this step
    const struct block *last; // in which the last step ended,
    size_t next;              // and with which chunk to go on there
};

#if PROFILE_HEADER

static bool
walk_is_live(const struct block *b, struct chunk *chunk, unsigned c, size_t *usable_bytes)
{
    uint64_t header = load_relaxed(&chunk->header);
    struct mac mac;

    (void)b;
    *usable_bytes = (uint32_t)header >> HEADER_VALUE_SHIFT;
    return header_is_live(chunk, header, c, &mac);
}

#else

static bool
walk_is_live(const struct block *b, struct chunk *chunk, unsigned c, size_t *usable_bytes)
{
    *usable_bytes = size_classes[c].chunk_bytes;
    return load_relaxed(&chunk->tag) != ((uintptr_t)chunk ^ load_relaxed(&b->key));
}

#endif

// How far behind the start of its chunk a sampled object begins (policy/sampler.h): a power of two,
// which only the table of such objects knows. 0 for all others.
static size_t
walk_lead(const char *base, size_t usable_bytes)
{
    size_t found;

    if (!sampler_is_used()) {
        return 0;
    }
    for (size_t lead = SAMPLER_LEAD_BYTES; lead <= OBJECT_ALIGN_MAX && lead < usable_bytes;
         lead *= 2) {
        if (sampler_find(base + lead, &found) && found == lead) {
            return lead;
        }
    }
    return 0;
}

// A pool_walk_fn. The place and number of chunks are those of the class, whatever the descriptor
// says of them.
static bool
walk_block(const struct block *b, void *context)
{
    struct walk *walk = context;
    unsigned c = load_relaxed(&b->class);
    size_t first = walk->last == b ? walk->next : 0;

    if (block_state(b) == BLOCK_IDLE || c >= CLASS_COUNT || remote_is_home(b)) {
        return true;
    }
    const struct size_class *class = &size_classes[c];
    size_t room = load_relaxed(&b->run_blocks) * BLOCK_BYTES - class->lead - GUARD_BYTES;
    size_t carved = load_relaxed(&b->carved);
    size_t count = room / class->chunk_bytes;
    char *base = superblock_block_address(superblock_of(b), geometry_descriptor_index(b));
    count = carved < count ? carved : count;
    for (size_t i = first; i < count; i++) {
        char *p = base + class->lead + i * class->chunk_bytes;
        struct chunk *chunk = (struct chunk *)(void *)p;
        struct apex_object *object = &walk->object[walk->count];
        if (walk->count == STEP_OBJECTS || walk->chunks == STEP_CHUNKS) {
            walk->last = b;
            walk->next = i;
            return false;
        }
        walk->chunks++;
        if (walk_is_live(b, chunk, c, &object->usable_bytes)) {
            size_t lead = walk_lead(chunk_object(chunk), object->usable_bytes);
            object->ptr = (char *)chunk_object(chunk) + lead;
            object->usable_bytes -= lead;
            object->granted_bytes = class->chunk_bytes;
            object->kind = APEX_OBJECT_CHUNK;
            object->size_class = c;
            walk->count++;
        }
    }
    return true;
}

static int
walk_show(struct walk *walk, apex_walk_fn *visit, void *context)
{
    int end = 0;

    for (unsigned i = 0; i < walk->count && end == 0; i++) {
        end = visit(&walk->object[i], context);
    }
    walk->count = 0;
    walk->chunks = 0;
    return end;
}

static int
walk_chunks(apex_walk_fn *visit, void *context)
{
    struct walk walk = {.count = 0};
    struct pool_walk pool;
    bool more = true;
    int end = 0;

    pool_walk_begin(&pool);
    while (more && end == 0) {
        more = pool_walk_on(&pool, walk_block, &walk);
        end = walk_show(&walk, visit, context);
    }
    pool_walk_end(&pool);
    return end;
}

static int
walk_large(apex_walk_fn *visit, void *context)
{
    int end = 0;

    for (const struct large *large = large_next(NULL); large != NULL && end == 0;
         large = large_next(large)) {
        const struct apex_object object = {
            .ptr = load_relaxed(&large->base),
            .usable_bytes =
                PROFILE_HEADER ? load_relaxed(&large->size) : load_relaxed(&large->usable_bytes),
            .granted_bytes = load_relaxed(&large->usable_bytes),
            .kind = APEX_OBJECT_LARGE,
        };
        if (load_relaxed(&large->state) == LARGE_LIVE) {
            end = visit(&object, context);
        }
    }
    return end;
}

static int
walk_empty(apex_walk_fn *visit, void *context)
{
    int end = 0;

    for (void *p = empty_next(NULL); p != NULL && end == 0; p = empty_next(p)) {
        const struct apex_object object = {.ptr = p, .kind = APEX_OBJECT_EMPTY};
        end = visit(&object, context);
    }
    return end;
}

void
walk_objects(apex_walk_fn *visit, void *context)
{
    (void)(walk_chunks(visit, context) != 0 || walk_large(visit, context) != 0 ||
           walk_empty(visit, context) != 0);
}
