// SPDX-License-Identifier: MIT
//
// What the fast paths of alloc.h leave over: the first allocation of a thread, a class whose block
// is used up, sizes above 1 KiB, alignment, reallocation; frees of other threads' chunks, of large
// objects, and of what should not be freed.
//
// Any thread, at any time. errno changes only when an allocation fails.

#include "front/alloc.h"

#include "apex.h"
#include "core/large.h"
#include "front/lifecycle.h"
#include "os/os.h"
#include "policy/pool.h"

#include <errno.h>
#include <string.h>

void *
apex_malloc(size_t size)
{
    return alloc_fast(size);
}

void
apex_free(void *p)
{
    free_fast(p);
}

// --- Allocation, slow ----------------------------------------------------------------------------

static void *
alloc_large(size_t size, size_t align, bool *zeroed)
{
    size_t page = os_page_bytes();

    if (size > PTRDIFF_MAX - page) {
        return NULL;
    }
    size_t bytes = bits_align_up(size, page);
    if (!pool_large_reserve(bytes)) {
        return NULL;
    }
    struct large *large = large_alloc(bytes, align, zeroed);
    if (large == NULL) {
        pool_large_free(bytes);
        return NULL;
    }
    if (large->usable_bytes != bytes) {
        pool_large_adjust(bytes, large->usable_bytes); // from the cache: at most a quarter more
    }
    return large->base;
}

static void *
alloc_class(struct heap *heap, unsigned c, bool *zeroed)
{
    void *p = c < CLASS_RUN ? heap_alloc(heap, c) : NULL;

    if (p == NULL) {
        p = heap_alloc_slow(heap, c, zeroed);
    }
    return p;
}

// One way for all requests that are not served on the fast path. `zeroed` is set when the memory is
// known to read as zero, but for its first ALIGN_BYTES.
static void *
alloc_general(size_t size, size_t align, bool *zeroed)
{
    struct heap *heap = lifecycle_heap();
    unsigned c = size_class_aligned(size, align);
    void *p = NULL;

    *zeroed = false;
    if (size > PTRDIFF_MAX) {
        heap = NULL; // not worth giving anything back for
    }
    // The second round comes after giving back what is free: the kernel may have refused for the
    // lack of it.
    for (unsigned round = 0; heap != NULL && p == NULL && round < 2; round++) {
        if (round == 1 && pool_trim(0) == 0) {
            break;
        }
        p = c != CLASS_NONE ? alloc_class(heap, c, zeroed)
                            : alloc_large(size == 0 ? 1 : size, align, zeroed);
    }
    if (unlikely(p == NULL)) {
        errno = ENOMEM;
    }
    return p;
}

APART static void *
alloc_slow(size_t size)
{
    bool zeroed;
    return alloc_general(size, ALIGN_BYTES, &zeroed);
}

// The current block of class `c` has no free chunk.
APART static void *
alloc_refill(size_t size, unsigned c)
{
    void *p = heap_alloc_carve(heap_self.heap, c);
    return likely(p != NULL) ? p : alloc_slow(size);
}

// Above 64 KiB.
APART static void *
alloc_run(size_t size)
{
    struct heap *heap = heap_self.heap;
    bool may = size <= CHUNK_BYTES_MAX && heap != NULL && heap->live;
    void *p = may ? heap_alloc_idle_run(heap, size_class_of(size)) : NULL;
    return likely(p != NULL) ? p : alloc_slow(size);
}

// The fast path of sizes that `direct` has no entry for: by the table of classes.
void *
alloc_rest(size_t size)
{
    struct heap *heap = heap_self.heap;

    if (unlikely(size > BLOCK_BYTES) || unlikely(heap == NULL)) {
        return alloc_run(size);
    }
    unsigned c = size_class_of(size);
    void *p = heap_alloc(heap, c);
    return likely(p != NULL) ? p : alloc_refill(size, c);
}

void *
alloc_aligned(size_t align, size_t size)
{
    bool zeroed;

    // A class whose size is a multiple of the alignment, in blocks that are aligned to 64 KiB.
    if (likely(align <= BLOCK_BYTES) && likely(size <= CHUNK_BYTES_MAX - BLOCK_BYTES)) {
        return alloc_fast(size_class_round(size, align));
    }
    return alloc_general(size, align, &zeroed);
}

// Memory fresh from the kernel need not be zeroed again. Whether it is so is known where a block is
// carved; below 1 KiB finding out costs more than it saves.
APART static void *
calloc_rest(size_t bytes)
{
    bool zeroed = false;
    void *p = alloc_general(bytes, ALIGN_BYTES, &zeroed);

    if (p != NULL) {
        memset(p, 0, zeroed ? ALIGN_BYTES : bytes);
    }
    return p;
}

// All of a chunk's granules that `bytes` reach into, 64 bytes at most: stores in a row instead of a
// call that begins by finding out how few they are.
FAST void *
calloc_zero_few(char *p, size_t bytes)
{
    size_t at = 0;

    do {
        memset(p + at, 0, ALIGN_BYTES);
        at += ALIGN_BYTES;
    } while (at < bytes);
    return p;
}

void *
apex_calloc(size_t count, size_t size)
{
    size_t bytes;

    if (unlikely(__builtin_mul_overflow(count, size, &bytes))) {
        errno = ENOMEM;
        return NULL;
    }
    if (unlikely(bytes > DIRECT_BYTES_MAX)) {
        return calloc_rest(bytes);
    }
    void *p = alloc_fast(bytes);
    if (unlikely(p == NULL)) {
        return NULL;
    }
    return bytes <= CACHE_LINE_BYTES ? calloc_zero_few(p, bytes) : memset(p, 0, bytes);
}

// --- Where an address leads ----------------------------------------------------------------------

enum place_kind { PLACE_NOWHERE, PLACE_CHUNK, PLACE_LARGE };

// A live object, or PLACE_NOWHERE after the fault has been raised.
struct place {
    enum place_kind kind;
    struct block *block; // PLACE_CHUNK
    struct large *large; // PLACE_LARGE
    size_t usable_bytes;
};

static struct place
place_fault(enum fault fault, const void *p, size_t class_bytes)
{
    fault_raise(fault, p, class_bytes);
    return (struct place){.kind = PLACE_NOWHERE};
}

static struct place
place_large(const void *p)
{
    struct large *large = large_find(p);

    if (large == NULL) {
        bool aligned = (uintptr_t)p % ALIGN_BYTES == 0;
        return place_fault(aligned ? FAULT_INTERIOR_FREE : FAULT_MISALIGNED_FREE, p, 0);
    }
    if (load_relaxed(&large->state) != LARGE_LIVE) {
        return place_fault(FAULT_DOUBLE_FREE, p, 0);
    }
    return (struct place){
        .kind = PLACE_LARGE, .large = large, .usable_bytes = large->usable_bytes};
}

// Which fault it is when no chunk starts at `p`.
static enum fault
place_not_a_start(const struct block *b, const void *p)
{
    if ((uintptr_t)p % ALIGN_BYTES != 0) {
        return FAULT_MISALIGNED_FREE;
    }
    uint64_t carved_bytes = load_relaxed(&b->carved) * b->chunk_bytes;
    bool beyond = (uintptr_t)p - (uintptr_t)b->base >= carved_bytes;
    return beyond ? FAULT_UNALLOCATED_FREE : FAULT_INTERIOR_FREE;
}

static struct place
place_in_superblock(const void *p)
{
    if (geometry_block_index(p) == 0) {
        return place_fault(FAULT_UNALLOCATED_FREE, p, 0); // the descriptors
    }
    struct block *b = block_head(geometry_descriptor(p));
    enum block_state state = block_state(b);

    if (state == BLOCK_UNUSED) {
        // It was an object once if a chunk started there; the block is back in the pool.
        const struct block *head = b - b->head_distance;
        bool start = block_starts_chunk(head, p) || block_is_only(head, p);
        return place_fault(start ? FAULT_DOUBLE_FREE : FAULT_UNALLOCATED_FREE, p, 0);
    }
    if (!block_starts_chunk(b, p)) {
        // A chunk that was freed before its block fell empty still carries the mark.
        bool freed = (uintptr_t)p % ALIGN_BYTES == 0 && freelist_is_free(p, b->key);
        if (freed || block_is_only(b, p)) {
            return place_fault(FAULT_DOUBLE_FREE, p, b->chunk_bytes);
        }
        return place_fault(place_not_a_start(b, p), p, b->chunk_bytes);
    }
    if (freelist_may_be_free(p, &b->key) && freelist_is_free(p, b->key)) {
        return place_fault(FAULT_DOUBLE_FREE, p, b->chunk_bytes);
    }
    return (struct place){.kind = PLACE_CHUNK, .block = b, .usable_bytes = b->chunk_bytes};
}

static struct place
place_of(const void *p)
{
    if (!registry_covers(p)) {
        return place_fault(FAULT_FOREIGN_FREE, p, 0);
    }
    switch (registry_kind_of(p)) {
    case REGISTRY_SUPERBLOCK:
        return place_in_superblock(p);
    case REGISTRY_LARGE:
    case REGISTRY_LARGE_REST:
        return place_large(p);
    default:
        return place_fault(FAULT_FOREIGN_FREE, p, 0);
    }
}

// The block of a chunk that is live at first sight: the checks are those of free_fast. A block
// without an owner is in the pool. NULL: place_of() has to look closer.
FAST struct block *
place_live_block(const void *p)
{
    if (unlikely(registry_kind_of(p) != REGISTRY_SUPERBLOCK) || geometry_block_index(p) == 0) {
        return NULL;
    }
    struct block *b = block_head(geometry_descriptor(p));
    bool live = load_relaxed(&b->owner) != NULL && block_starts_chunk(b, p) &&
                !freelist_may_be_free(p, &b->key);
    return likely(live) ? b : NULL;
}

// --- Free, slow ----------------------------------------------------------------------------------

// Into the block's own list, or on its way to the owner's.
FAST void
free_live(struct heap *heap, struct block *b, struct chunk *chunk)
{
    if (load_relaxed(&b->owner) != &heap->owner) {
        heap_free_remote(heap, b, chunk);
    } else if (unlikely(block_push(b, chunk))) {
        heap_free_event(heap, b);
    }
}

// The thread may have no heap yet, or none any more.
static void
free_chunk(struct block *b, struct chunk *chunk)
{
    struct heap *heap = lifecycle_heap_to_free();

    if (heap == NULL) {
        heap_free_remote_unbatched(b, chunk);
    } else {
        free_live(heap, b, chunk);
    }
}

static void
free_large(struct large *large)
{
    void *p = large->base;
    size_t bytes = large->usable_bytes;

    if (!large_claim(large)) {
        fault_raise(FAULT_DOUBLE_FREE, p, 0); // another thread was faster
        return;
    }
    struct large_bounds bounds = pool_large_bounds();
    large_free(large, &bounds);
    pool_large_free(bytes);
}

// Everything that is not a chunk at first sight. Finds out what it is, and what is wrong with it.
APART static void
free_checked(void *p)
{
    struct place place = place_of(p);
    switch (place.kind) {
    case PLACE_CHUNK:
        free_chunk(place.block, p);
        break;
    case PLACE_LARGE:
        free_large(place.large);
        break;
    case PLACE_NOWHERE:
        break;
    }
}

// Everything but a thread's own chunks: chunks of other threads, and free(NULL).
APART static void
free_other(void *p)
{
    struct heap *heap = heap_self.heap;

    if (p == NULL) {
        return;
    }
    struct block *b = place_live_block(p);
    if (unlikely(b == NULL) || unlikely(heap == NULL) || unlikely(!heap->live)) {
        free_checked(p);
    } else {
        free_live(heap, b, p);
    }
}

// Here once more for chunks that do not lie in the first block of their run.
void
free_rest(void *p)
{
    bool may = likely(registry_kind_of(p) == REGISTRY_SUPERBLOCK);

    if (!may || !free_own(heap_self.heap, block_head(geometry_descriptor(p)), p)) {
        free_other(p);
    }
}

size_t
apex_malloc_usable_size(void *p)
{
    if (p == NULL) {
        return 0;
    }
    const struct block *b = place_live_block(p);
    return likely(b != NULL) ? b->chunk_bytes : place_of(p).usable_bytes;
}

// --- Reallocation --------------------------------------------------------------------------------

static void *
realloc_large(struct large *large, size_t size)
{
    size_t page = os_page_bytes();
    size_t old_bytes = large->usable_bytes;

    if (size > PTRDIFF_MAX - page) {
        return NULL;
    }
    size_t bytes = bits_align_up(size, page);
    if (!large_claim(large)) {
        fault_raise(FAULT_DOUBLE_FREE, large->base, 0);
        return NULL;
    }
    bool granted = pool_large_resize(old_bytes, bytes);
    void *result = large_resize(large, granted ? bytes : old_bytes);
    if (granted && large->usable_bytes != bytes) {
        pool_large_adjust(bytes, large->usable_bytes); // refused by the kernel
    }
    return granted ? result : NULL;
}

// True if an object of `usable` bytes should keep serving a request of `size`: it fits, and not
// more than half of it would go to waste.
static bool
realloc_keeps(size_t usable, size_t size)
{
    return size <= usable && (size >= usable / 2 || usable <= ALIGN_BYTES);
}

static void *
realloc_move(void *p, size_t usable, size_t size)
{
    void *q = apex_malloc(size);

    if (q != NULL) {
        memcpy(q, p, size < usable ? size : usable);
        apex_free(p);
    }
    return q;
}

// True if the run of the calling thread's that `b` describes now serves `size`, where it stands.
static bool
realloc_grow_run(struct block *b, size_t size)
{
    struct heap *heap = heap_self.heap;

    return b->size_class >= CLASS_RUN && size > b->chunk_bytes && size <= CHUNK_BYTES_MAX &&
           load_relaxed(&b->owner) == &heap->owner && heap_grow_run(heap, b, size_class_of(size));
}

// Large objects, and what is no live object.
APART static void *
realloc_rest(void *p, size_t size)
{
    struct place place = place_of(p);

    if (place.kind == PLACE_NOWHERE) {
        return NULL;
    }
    if (place.kind == PLACE_LARGE && size > CHUNK_BYTES_MAX) {
        void *q = realloc_large(place.large, size);
        if (q != NULL) {
            return q;
        }
    }
    return realloc_keeps(place.usable_bytes, size) ? p
                                                   : realloc_move(p, place.usable_bytes, size);
}

void *
apex_realloc(void *p, size_t size)
{
    if (p == NULL) {
        return apex_malloc(size);
    }
    if (unlikely(size == 0)) {
        apex_free(p);
        return NULL;
    }
    struct block *b = place_live_block(p);
    if (unlikely(b == NULL)) {
        return realloc_rest(p, size);
    }
    if (realloc_keeps(b->chunk_bytes, size) || realloc_grow_run(b, size)) {
        return p;
    }
    return realloc_move(p, b->chunk_bytes, size);
}

bool
alloc_trim(size_t keep_bytes)
{
    struct heap *heap = lifecycle_heap();

    if (heap != NULL) {
        heap_collect(heap);
        heaps_sweep(0);
    }
    return pool_trim(keep_bytes) != 0;
}
