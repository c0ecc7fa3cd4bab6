// SPDX-License-Identifier: MIT
//
// From the heap to its blocks to their chunks, which are only read.

#include "policy/inspect.h"

#include "core/seal.h"

#if PROFILE_HEADER

static void
inspect_live(const struct block *b, struct chunk *chunk, struct mac mac)
{
    void *object = chunk_object(chunk);

    size_t slack_max = b->size_class < CLASS_RUN ? BLOCK_BYTES : SLACK_BYTES_MAX;

    if ((PROFILE_CANARY && !seal_canary_intact(object, seal_size(chunk), mac)) ||
        !seal_slack_is_zero(chunk, b->size_class, slack_max)) {
        fault_raise(FAULT_OVERFLOW, object, b->chunk_bytes);
    }
}

// `known` to read as zero, but for what was written to it since.
static void
inspect_free(const struct block *b, struct chunk *chunk, bool known)
{
    void *object = chunk_object(chunk);
    size_t bytes = b->chunk_bytes - HEADER_BYTES;

    if (PROFILE_ZERO && known && !wipe_holds(object, bytes)) {
        fault_raise(FAULT_WRITE_AFTER_FREE, object, b->chunk_bytes);
    }
}

static void
inspect_chunk(const struct block *b, struct chunk *chunk)
{
    uint64_t header = chunk->header;
    struct mac mac;

    if (header == CHUNK_QUARANTINED) {
        inspect_free(b, chunk, true);
    } else if (header_is_live(chunk, header, b->size_class, &mac)) {
        inspect_live(b, chunk, mac);
    } else if (freelist_is_free(chunk, b->key)) {
        inspect_free(b, chunk, seal_kind_of(chunk) != (enum seal_kind)MEMORY_WIPE);
    } else {
        fault_raise(FAULT_CORRUPT_HEADER, chunk_object(chunk), b->chunk_bytes);
    }
}

// Returns what is left of `bytes_max`.
static size_t
inspect_block(const struct block *b, size_t bytes_max)
{
    size_t carved = load_relaxed(&b->carved);
    size_t affordable = bytes_max / b->chunk_bytes;
    size_t count = carved < affordable ? carved : affordable;
    size_t lead = size_classes[b->size_class].lead;

    // What is in front of the first chunk.
    if (PROFILE_ZERO && count > 0 && !wipe_holds_short(b->base - lead, lead)) {
        fault_raise(FAULT_CORRUPT_HEADER, b->base + HEADER_BYTES, b->chunk_bytes);
    }
    for (size_t i = 0; i < count; i++) {
        inspect_chunk(b, (struct chunk *)(void *)(b->base + i * b->chunk_bytes));
    }
    return bytes_max - count * b->chunk_bytes;
}

#else

// The free list: the one thing that chunks of the fast profile hold of ours.
static size_t
inspect_block(const struct block *b, size_t bytes_max)
{
    struct chunk *chunk = b->free;
    size_t left = bytes_max / b->chunk_bytes;

    for (size_t n = b->capacity; chunk != NULL && n > 0 && left > 0; n--, left--) {
        if (!block_near(b, chunk) || !freelist_is_free(chunk, b->key)) {
            fault_raise(FAULT_CORRUPT_LIST, b->base, b->chunk_bytes);
            break;
        }
        chunk = freelist_next(chunk, b->key);
    }
    return left * b->chunk_bytes;
}

#endif

static size_t
inspect_list(const struct list *head, size_t bytes_max)
{
    for (const struct list *l = head->next; l != head; l = l->next) {
        bytes_max = inspect_block(list_entry(l, struct block, link), bytes_max);
    }
    return bytes_max;
}

void
inspect_heap(struct heap *heap, size_t bytes_max)
{
    // Blocks whose chunks all came home from other threads may have lost their pages since, and
    // with them their headers: they are empty once they have been received.
    heap_drain(heap);
    heap_recall_all(heap);
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        if (heap->current[c]->capacity != 0) {
            bytes_max = inspect_block(heap->current[c], bytes_max);
        }
        bytes_max = inspect_list(&heap->available[c], bytes_max);
    }
    inspect_list(&heap->full, bytes_max);
}
