// SPDX-License-Identifier: MIT
//
// Objects lie one behind the other in blocks, each of which is twice as large as the one before, up
// to a megabyte. To allocate is to move a number by compare-and-swap; only for a new block there is
// a lock.
//
//   arena ──▶ current ──▶ | block | object | object | free … |
//                             └──▶ | block | one large object |
//                                      └──▶ | block | arena | object | object …
//
// Invariants
//   A1  Every block of the arena is in the chain that begins with `current`.
//   A2  What is behind `used` of a block belongs to nobody. Only `current` has such memory that is
//       given away.
//   A3  The arena is in the last block of the chain.

#include "arena.h"

#include <apex.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { FIRST_BYTES = 512, LAST_BYTES = 1 << 20 };

struct block {
    struct block *next;
    size_t bytes;       // of all of it
    atomic_size_t used; // from its beginning
};

struct finish {
    struct finish *next;
    arena_finish *call;
    void *argument;
};

struct arena {
    _Atomic(struct block *) current;
    _Atomic(struct finish *) finishes; // the last one first
    pthread_mutex_t lock;              // for whoever makes a block
    size_t next_bytes;                 // of the next one; under the lock
};

static struct block *
arena_make_block(size_t bytes)
{
    struct block *block = apex_malloc(bytes);

    if (block != NULL) {
        block->next = NULL;
        block->bytes = bytes;
        atomic_init(&block->used, sizeof *block);
    }
    return block;
}

// NULL when the block has no room for it. Any thread.
static void *
arena_take(struct block *block, size_t size, size_t align)
{
    size_t used = atomic_load_explicit(&block->used, memory_order_relaxed);
    size_t from;

    do {
        from = (((uintptr_t)block + used + align - 1) & ~(align - 1)) - (uintptr_t)block;
        if (from > block->bytes || block->bytes - from < size) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&block->used, &used, from + size,
                                                    memory_order_relaxed, memory_order_relaxed));
    return (char *)block + from;
}

struct arena *
arena_open(void)
{
    struct block *block = arena_make_block(FIRST_BYTES);

    if (block == NULL) {
        return NULL;
    }
    struct arena *arena = arena_take(block, sizeof *arena, _Alignof(struct arena));
    atomic_init(&arena->current, block);
    atomic_init(&arena->finishes, NULL);
    pthread_mutex_init(&arena->lock, NULL);
    arena->next_bytes = 2 * FIRST_BYTES;
    return arena;
}

// What takes more than a quarter of a block has one of its own, and the current one goes on. With
// the lock.
static void *
arena_alloc_apart(struct arena *arena, size_t size, size_t align)
{
    struct block *block = arena_make_block(sizeof *block + align + size);

    if (block == NULL) {
        return NULL;
    }
    struct block *current = atomic_load(&arena->current);
    block->next = current->next;
    current->next = block;
    return arena_take(block, size, align);
}

// The object in a new block. Only when it is in there others may see the block, or it might be full
// at once.
static void *
arena_alloc_next(struct arena *arena, size_t size, size_t align)
{
    struct block *block = arena_make_block(arena->next_bytes);

    if (block == NULL) {
        return NULL;
    }
    if (arena->next_bytes < LAST_BYTES) {
        arena->next_bytes *= 2;
    }
    void *p = arena_take(block, size, align);
    block->next = atomic_load(&arena->current);
    atomic_store_explicit(&arena->current, block, memory_order_release);
    return p;
}

static void *
arena_alloc_slow(struct arena *arena, size_t size, size_t align)
{
    if (size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    pthread_mutex_lock(&arena->lock);
    void *p = arena_take(atomic_load(&arena->current), size, align); // others were here before
    if (p == NULL) {
        p = size + align > arena->next_bytes / 4 ? arena_alloc_apart(arena, size, align)
                                                 : arena_alloc_next(arena, size, align);
    }
    pthread_mutex_unlock(&arena->lock);
    return p;
}

void *
arena_alloc(struct arena *arena, size_t size, size_t align)
{
    void *p = arena_take(atomic_load_explicit(&arena->current, memory_order_acquire), size, align);

    return p != NULL ? p : arena_alloc_slow(arena, size, align);
}

bool
arena_on_close(struct arena *arena, arena_finish *call, void *argument)
{
    struct finish *finish = arena_alloc(arena, sizeof *finish, _Alignof(struct finish));

    if (finish == NULL) {
        return false;
    }
    finish->call = call;
    finish->argument = argument;
    finish->next = atomic_load(&arena->finishes);
    while (!atomic_compare_exchange_weak(&arena->finishes, &finish->next, finish)) {
    }
    return true;
}

void
arena_close(struct arena *arena)
{
    struct block *next, *block = atomic_load(&arena->current);

    for (struct finish *f = atomic_load(&arena->finishes); f != NULL; f = f->next) {
        f->call(f->argument);
    }
    pthread_mutex_destroy(&arena->lock);
    for (; block != NULL; block = next) {
        next = block->next;
        apex_free(block);
    }
}
