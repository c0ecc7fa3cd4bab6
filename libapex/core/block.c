// SPDX-License-Identifier: MIT
//
// The slow half of blocks: making, carving, receiving. Owner only, or whoever holds the lock of the
// list the block is in.

#include "core/block.h"

// Statistics may miss this share of a block's chunks between two settlements (abi/stats_page.h).
// A full block waits for the same share to come free, but for no more than WAKE_MAX chunks.
#define EVENT_SHARE 8
#define WAKE_MAX 16

void
block_set_class(struct block *b, unsigned c, unsigned blocks)
{
    const struct size_class *class = &size_classes[c];
    bool is_long = blocks != class->run_blocks;

    apex_assert(!is_long || blocks == class->long_blocks);
    b->inverse = class->inverse;
    b->turn = class->turn;
    b->chunk_bytes = class->chunk_bytes;
    b->stride = class->chunk_bytes;
    b->capacity = is_long ? class->long_capacity : class->capacity;
    b->size_class = (uint8_t)c;
    b->class = (uint8_t)c;
    b->run_blocks = (uint8_t)blocks;
}

void
block_init(struct block *b, char *first, unsigned c, unsigned blocks, struct owner *owner,
           uint64_t key)
{
    apex_assert(b->remote == 0);
    b->free = NULL;
    b->key = key;
    b->pop_key = key;
    b->base = first + size_classes[c].lead;
    b->carved = 0;
    b->settled = 0;
    block_set_state(b, BLOCK_UNUSED);
    block_set_class(b, c, blocks);
    b->head_distance = 0;
    b->clean = false;
    b->known = 0;
    b->credit = 0;
    b->floor = 0;
    list_init(&b->link);
    // Pairs with the acquire in remote_enqueue: who sees the owner sees its inbox open; and with
    // those in place_starts_chunk and range_chunk, which look where a wild pointer leads.
    store_release(&b->owner, owner);
}

// Any order of `count` chunks (Fisher and Yates).
static void
block_shuffle(uint8_t *order, unsigned count, struct rng *rng)
{
    struct dice dice;

    dice_seed(&dice, rng);
    for (unsigned i = 0; i < count; i++) {
        unsigned j = dice_below(&dice, i + 1);
        order[i] = order[j];
        order[j] = (uint8_t)i;
    }
}

// The list is in ascending order, so that a program that allocates in a row walks forward through
// memory; or in any, within a stretch that is short enough for the caches not to mind.
bool
block_carve(struct block *b, struct rng *rng)
{
    unsigned count = size_classes[b->size_class].carve_count;
    unsigned left = b->capacity - (unsigned)b->carved;
    char *start = b->base + b->carved * b->chunk_bytes;
    uint8_t order[CARVE_COUNT_MAX];

    apex_assert(b->free == NULL);
    count = count < left ? count : left;
    if (count == 0) {
        return false;
    }
    if (PROFILE_SHUFFLE) {
        block_shuffle(order, count, rng);
    }
    for (unsigned i = 0; i < count; i++) {
        size_t place = PROFILE_SHUFFLE ? order[i] : i;
        size_t next = PROFILE_SHUFFLE && i + 1 < count ? order[i + 1] : i + 1;
        struct chunk *chunk = (struct chunk *)(void *)(start + place * b->chunk_bytes);
        freelist_make(chunk, i + 1 < count ? start + next * b->chunk_bytes : NULL, b->key,
                      block_memory(b, chunk, b->carved + place));
    }
    b->free = (struct chunk *)(void *)(start + (PROFILE_SHUFFLE ? order[0] : 0) * b->chunk_bytes);
    store_relaxed(&b->carved, b->carved + count);
    return true;
}

void
block_uncarve(struct block *b)
{
    apex_assert(block_used(b) == 0);
    b->free = NULL;
    if (b->carved > b->known) {
        b->known = (uint16_t)b->carved;
    }
    store_relaxed(&b->carved, 0);
}

static uint32_t
block_event_step(const struct block *b)
{
    return b->capacity < EVENT_SHARE ? 1 : b->capacity / EVENT_SHARE;
}

// So many chunks below capacity a full block has room again.
static uint32_t
block_wake_count(const struct block *b)
{
    uint32_t step = block_event_step(b);
    return step < WAKE_MAX ? step : WAKE_MAX;
}

bool
block_has_room(const struct block *b)
{
    return block_used(b) + block_wake_count(b) <= b->capacity;
}

void
block_set_used(struct block *b, uint32_t used)
{
    int32_t step = (int32_t)block_event_step(b);

    switch (b->state) {
    case BLOCK_CURRENT:
        b->floor = -1;
        break;
    case BLOCK_FULL:
        b->floor = (int32_t)(b->capacity - block_wake_count(b));
        break;
    default:
        b->floor = (int32_t)used > step ? (int32_t)used - step : 0;
        break;
    }
    b->credit = (uint32_t)((int32_t)used - b->floor);
}

void
block_receive(struct block *b, struct chunk *head, struct chunk *tail, uint32_t count)
{
    uint32_t used = block_used(b);

    apex_verify(count <= used, b->base);
    freelist_set_next(tail, b->free, b->key);
    b->free = head;
    block_set_used(b, used - count);
}

bool
block_receive_purged(struct block *b)
{
    if (block_used(b) != b->capacity || b->free != NULL) {
        return false;
    }
    store_relaxed(&b->carved, 0);
    b->clean = true;
    b->known = 0;
    block_set_used(b, 0);
    return true;
}

void
block_audit(const struct block *b)
{
    uint32_t free_count = 0;

    for (const struct chunk *c = b->free; c != NULL; c = freelist_next(c, b->key)) {
        apex_audit(block_starts_chunk(b, c));
        apex_audit(freelist_is_free(c, b->key));
        apex_audit(++free_count <= b->capacity);
    }
    // The rest is allocated, or on its way back from another thread.
    apex_audit(block_used(b) + free_count == b->carved);
}
