// SPDX-License-Identifier: MIT
//
// The simplest heap there is: each object is the next piece of the region, and none is used twice.
//
// Invariants
//   H1  Pieces lie one behind the other without holes, and each starts with its header: so the
//       region can be walked from its start (piece.h).
//   H2  The 16 bytes in front of an object are its header.

#include "heap.h"

#include "piece.h"
#include "region.h"

#include <stdint.h>

static struct piece *
heap_piece_of(const void *p)
{
    return (struct piece *)p - 1;
}

static size_t
heap_round_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

// Makes `bytes` at `at` a piece. The kind is written last: a walk stops at a piece without one.
static struct piece *
heap_set_piece(char *at, size_t bytes, enum piece_kind kind)
{
    struct piece *piece = (struct piece *)(void *)at;

    piece->bytes = bytes;
    piece->kind = kind;
    return piece;
}

void *
heap_alloc(size_t size, size_t align)
{
    // BEGIN STEP 2: return NULL;
    size_t slack = align > ALIGN_BYTES ? align : 0;

    if (size > REGION_BYTES || align > REGION_BYTES) {
        return NULL; // and no sum below can overflow
    }
    size_t bytes = heap_round_up(sizeof(struct piece) + size, ALIGN_BYTES) + slack;
    char *start = region_take(bytes);
    if (start == NULL) {
        return NULL;
    }
    char *object = (char *)heap_round_up((uintptr_t)(start + sizeof(struct piece)), align);
    char *header = object - sizeof(struct piece);
    heap_set_piece(header, (size_t)(start + bytes - header), PIECE_LIVE);
    if (header > start) {
        heap_set_piece(start, (size_t)(header - start), PIECE_GAP);
    }
    return object;
    // END STEP 2
}

void
heap_free(void *p)
{
    heap_piece_of(p)->kind = PIECE_FREED;
}

size_t
heap_usable_bytes(const void *p)
{
    return heap_piece_of(p)->bytes - sizeof(struct piece);
}
