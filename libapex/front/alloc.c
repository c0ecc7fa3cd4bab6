// SPDX-License-Identifier: MIT
//
// What the fast paths of alloc.h leave over: the first allocation of a thread, a class whose block
// is used up, sizes above 1 KiB, alignment, reallocation; frees of other threads' chunks, of large
// objects, and of what should not be freed.
//
// Any thread, at any time. errno changes only when an allocation fails.

#include "front/alloc.h"

#include "core/empty.h"
#include "core/vault.h"
#include "front/lifecycle.h"
#include "front/place.h"
#include "os/os.h"
#include "policy/pool.h"
#include "policy/steer.h"

#include <errno.h>
#include <string.h>

// --- Allocation, slow ----------------------------------------------------------------------------

static void *
alloc_large(struct heap *heap, size_t size, size_t align, bool *zeroed)
{
    size_t page = os_page_bytes();

    if (size > PTRDIFF_MAX - page) {
        return NULL;
    }
    if (!PROFILE_HEADER) {
        heap_tick_alloc(heap); // a program may have no others; sealed.c does it itself
    }
    size_t bytes = bits_align_up(size, page);
    if (!pool_large_reserve(bytes)) {
        return NULL;
    }
    struct steer_place where;
    steer_large(bytes, &where);
    struct large *large = large_alloc(bytes, align, &where.place, zeroed);
    if (large == NULL) {
        pool_large_free(bytes);
        POOL_COUNT(os_failures, 1);
        return NULL;
    }
    if (large->usable_bytes != bytes) {
        pool_large_adjust(bytes, large->usable_bytes); // from the cache: at most a quarter more
    }
    if (unlikely(large->place_mode != where.place.mode)) {
        POOL_COUNT(os_failures, 1); // the kernel would not bind it
    }
    return large->base;
}

// `size` is what the program asked for, with what the hardened profile adds.
static void *
alloc_class(struct heap *heap, unsigned c, size_t size, bool *zeroed)
{
    void *p = c < CLASS_RUN ? heap_alloc(heap, c) : NULL;

    if (p == NULL) {
        p = heap_alloc_slow(heap, c, zeroed);
        if (likely(p != NULL)) {
            heap_count_request(heap, size - OVERHEAD_BYTES, c);
        }
    }
    return p;
}

// One way for all requests that are not served on the fast path. `zeroed` is set when the memory is
// known to read as zero, but for its first ALIGN_BYTES.
void *
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
        p = c != CLASS_NONE ? alloc_class(heap, c, size, zeroed)
                            : alloc_large(heap, size == 0 ? 1 : size, align, zeroed);
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

// A sampled object of a thread that has a heap: in a chunk of its own it begins after a lead
// (policy/sampler.h). NULL when it cannot be one; then errno is as it was.
APART static void *
alloc_sampled(struct heap *heap, size_t size, size_t align, uint64_t weight, bool *zeroed)
{
    // alloc_aligned() may have asked for a multiple of the alignment that it wants.
    size_t natural = size & -size;
    size_t lead = natural > OBJECT_ALIGN_MAX ? OBJECT_ALIGN_MAX : natural;
    int saved = errno;

    heap_tick(heap); // a program may never leave the fast path otherwise
    lead = lead < align ? align : lead;
    lead = lead < SAMPLER_LEAD_BYTES ? SAMPLER_LEAD_BYTES : lead;
    if (size > PTRDIFF_MAX - lead) {
        return NULL;
    }
    bool own = size_class_aligned(size + lead, lead) == CLASS_NONE;
    size_t mapped = size > CHUNK_BYTES_MAX ? size : CHUNK_BYTES_MAX + 1;
    char *base = alloc_general(own ? mapped : size + lead, own ? align : lead, zeroed);
    if (base == NULL) {
        errno = saved;
        return NULL;
    }
    char *p = own ? base : base + lead;
    // Without a place it is an ordinary object, somewhat too large: were it freed, the next one to
    // be sampled would find itself at the same address, and no place again.
    return sampler_enter(p, size, (size_t)(p - base), weight) ? p : base;
}

// By the thread's own clock, when a class's does not count it: sampled, if it is due; else NULL.
// The hardened library does that in sealed.c. The heap is NULL while thread-local data is not there
// yet.
static void *
alloc_due(struct heap *heap, size_t size, size_t align, bool *zeroed)
{
    if (PROFILE_HEADER || unlikely(heap == NULL) || !sampler_due(&heap->sample, size)) {
        return NULL;
    }
    uint64_t weight = sampler_weight(size, heap->sample.rate_bytes);
    sampler_wind(&heap->sample, &heap->rng);
    return alloc_sampled(heap, size, align, weight, zeroed);
}

// The current block of class `c` has no free chunk.
APART static void *
alloc_refill(size_t size, unsigned c)
{
    void *p = heap_alloc_carve(heap_self.heap, c);
    return likely(p != NULL) ? p : alloc_slow(size);
}

// While the profile is on: an object of class `c`, whose ration is used up. NULL: neither is it to
// be sampled, nor is there a chunk at hand; then it is counted already.
static void *
alloc_rationed(struct heap *heap, size_t size, size_t align, unsigned c, bool *zeroed)
{
    uint64_t weight;
    void *p = heap_alloc_ration(heap, c, &weight);

    *zeroed = false;
    if (p != NULL) {
        return p;
    }
    if (weight != 0) {
        return alloc_sampled(heap, size, align, weight, zeroed);
    }
    heap_count_watched(heap, c);
    return NULL;
}

// A request to alloc_general() while the profile is on.
APART static void *
alloc_general_watched(size_t size, size_t align, bool *zeroed)
{
    struct heap *heap = heap_self.heap;
    unsigned c = size_class_aligned(size, align);
    void *p;

    if (!PROFILE_HEADER && heap != NULL && c < CLASS_RUN) {
        *zeroed = false;
        p = heap_alloc_watched(heap, c);
        p = p != NULL ? p : alloc_rationed(heap, size, align, c, zeroed);
    } else {
        p = alloc_due(heap, size, align, zeroed);
    }
    return p != NULL ? p : alloc_general(size, align, zeroed);
}

APART static void *
alloc_run(size_t size)
{
    struct heap *heap = heap_self.heap;
    bool may = size <= CHUNK_BYTES_MAX && heap->live;
    void *p = may ? heap_alloc_idle_run(heap, size_class_of(size)) : NULL;
    return likely(p != NULL) ? p : alloc_slow(size);
}

// While the profile is on: any size that the fast path did not serve. Or thread-local data is not
// there yet, nor is a heap. Ends in calls or in nothing, as the fast path does.
APART static void *
alloc_watched(size_t size)
{
    struct heap *heap = heap_self.heap;
    bool zeroed;
    void *p;

    if (unlikely(heap == NULL)) {
        return alloc_slow(size);
    }
    if (unlikely(size == 0)) {
        p = empty_alloc(0);
        return p != NULL ? p : alloc_slow(0);
    }
    if (unlikely(size > BLOCK_BYTES)) {
        p = alloc_due(heap, size, ALIGN_BYTES, &zeroed);
        return p != NULL ? p : alloc_run(size);
    }
    unsigned c = size_class_of(size);
    // The fast path has looked for smaller ones.
    p = size < DIRECT_BYTES_MAX ? NULL : heap_alloc_watched(heap, c);
    if (p == NULL) {
        p = alloc_rationed(heap, size, ALIGN_BYTES, c, &zeroed);
    }
    return likely(p != NULL) ? p : alloc_refill(size, c);
}

// The fast path of sizes that `direct` has no entry for: by the table of classes.
void *
alloc_rest(size_t size)
{
    struct heap *heap = heap_self.heap;

    // The hardened library has counted it already (sealed.c), and has no rations.
    if (heap_is_watched() && (!PROFILE_HEADER || heap == NULL)) {
        return alloc_watched(size);
    }
    if (unlikely(size == 0)) {
        void *p = empty_alloc(0);
        if (p != NULL) {
            return p;
        }
    }
    if (unlikely(size > BLOCK_BYTES)) {
        return alloc_run(size);
    }
    unsigned c = size_class_of(size);
    void *p = heap_alloc(heap, c);
    return likely(p != NULL) ? p : alloc_refill(size, c);
}

APART static void *
aligned_rest(size_t align, size_t size)
{
    bool zeroed;

    return heap_is_watched() ? alloc_general_watched(size, align, &zeroed)
                             : alloc_general(size, align, &zeroed);
}

void *
alloc_aligned(size_t align, size_t size)
{
    // A class whose size is a multiple of the alignment, in blocks that are aligned to 64 KiB.
    if (likely(align <= OBJECT_ALIGN_MAX) && likely(size <= CHUNK_BYTES_MAX - BLOCK_BYTES)) {
        return alloc_fast(size_class_round(size, align));
    }
    return aligned_rest(align, size);
}

// Memory fresh from the kernel need not be zeroed again. Whether it is so is known where a block is
// carved; below 1 KiB finding out costs more than it saves.
APART static void *
calloc_rest(size_t bytes)
{
    bool zeroed = false;
    void *p = heap_is_watched() ? alloc_general_watched(bytes, ALIGN_BYTES, &zeroed)
                                : alloc_general(bytes, ALIGN_BYTES, &zeroed);

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
alloc_calloc(size_t count, size_t size)
{
    size_t bytes;

    if (unlikely(__builtin_mul_overflow(count, size, &bytes))) {
        errno = ENOMEM;
        return NULL;
    }
    if (unlikely(bytes - 1 >= DIRECT_BYTES_MAX)) {
        return bytes == 0 ? alloc_fast(0) : calloc_rest(bytes);
    }
    void *p = alloc_fast(bytes);
    if (unlikely(p == NULL)) {
        return NULL;
    }
    return bytes <= CACHE_LINE_BYTES ? calloc_zero_few(p, bytes) : memset(p, 0, bytes);
}

// --- Free, slow ----------------------------------------------------------------------------------

// The thread may have no heap yet, or none any more.
static void
free_chunk(struct block *b, struct chunk *chunk)
{
    struct heap *heap = lifecycle_heap_to_free();

    if (heap == NULL) {
        heap_free_remote_unbatched(b, chunk);
    } else {
        heap_free(heap, b, chunk);
    }
}

void
alloc_free_large(struct large *large)
{
    void *p = large->base;
    size_t bytes = large->usable_bytes;
    size_t lead;

    vault_open();
    bool claimed = large_claim(large);
    if (claimed) {
        if (sampler_is_used()) {
            sampler_claim(p, &lead); // while the address is still this object's
        }
        struct large_bounds bounds = pool_large_bounds(bytes);
        large_free(large, &bounds);
    }
    vault_close();
    if (!claimed) {
        fault_raise(FAULT_DOUBLE_FREE, p, 0); // another thread was faster
        return;
    }
    pool_large_free(bytes);
}

// The profile forgets it, then its chunk is freed.
static void
free_sampled(struct block *b, char *p)
{
    size_t lead;

    if (sampler_claim(p, &lead)) {
        free_chunk(b, (struct chunk *)(void *)(p - lead));
    } else {
        fault_raise(FAULT_DOUBLE_FREE, p, b->chunk_bytes); // another thread was faster
    }
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
    case PLACE_SAMPLED:
        free_sampled(place.block, p);
        break;
    case PLACE_LARGE:
        alloc_free_large(place.large);
        break;
    case PLACE_EMPTY:
        if (!empty_free(p)) {
            fault_raise(FAULT_DOUBLE_FREE, p, 0); // another thread was faster
        }
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
        heap_free(heap, b, p);
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
alloc_usable_size(void *p)
{
    if (p == NULL) {
        return 0;
    }
    const struct block *b = place_live_block(p);
    return likely(b != NULL) ? b->chunk_bytes : place_of(p).usable_bytes;
}

// --- Reallocation --------------------------------------------------------------------------------

// To the profile an object that was resized is one freed and another allocated; when it could not
// be resized, it is the same again, but for its age.
static void
alloc_watch_resized(struct large *large, bool sampled)
{
    struct heap *heap = heap_self.heap;
    size_t bytes = large->usable_bytes;

    if (heap_is_watched() && heap != NULL && (sampler_due(&heap->sample, bytes) || sampled)) {
        uint64_t weight = sampler_weight(bytes, heap->sample.rate_bytes);
        sampler_wind(&heap->sample, &heap->rng);
        sampler_enter(large->base, bytes, 0, weight);
    }
}

void *
alloc_resize_large(struct large *large, size_t size)
{
    size_t page = os_page_bytes();
    size_t old_bytes = large->usable_bytes;
    struct steer_place where;
    size_t lead;

    if (size > PTRDIFF_MAX - page) {
        return NULL;
    }
    size_t bytes = bits_align_up(size, page);
    steer_large(bytes, &where);
    vault_open();
    bool claimed = large_claim(large);
    bool sampled = claimed && sampler_is_used() && sampler_claim(large->base, &lead);
    bool granted = claimed && pool_large_resize(old_bytes, bytes);
    void *result =
        claimed ? large_resize(large, granted ? bytes : old_bytes, &where.place) : NULL;
    vault_close();
    if (!claimed) {
        fault_raise(FAULT_DOUBLE_FREE, large->base, 0);
        return NULL;
    }
    if (granted && large->usable_bytes != bytes) {
        pool_large_adjust(bytes, large->usable_bytes); // refused by the kernel
    }
    alloc_watch_resized(large, sampled);
    return granted ? result : NULL;
}

// True if an object of `usable` bytes should keep serving a request of `size`: it fits, and not
// more than half of it would go to waste.
static bool
realloc_keeps(size_t usable, size_t size)
{
    return size <= usable && (size >= usable / 2 || usable <= ALIGN_BYTES);
}

// Programs rely on it that an object can be made smaller: without memory it stays where it is.
static void *
realloc_move(void *p, size_t usable, size_t size)
{
    bool fits = size <= usable;
    int saved = fits ? errno : 0;
    void *q = alloc_fast(size);

    if (likely(q != NULL)) {
        memcpy(q, p, fits ? size : usable);
        free_fast(p);
    } else if (fits) {
        errno = saved;
        q = p;
    }
    return q;
}

// True if the run of the calling thread's that `b` describes now serves `size`, where it stands.
static bool
realloc_grow_run(struct block *b, size_t size)
{
    struct heap *heap = heap_self.heap;

    // One that is due to be sampled has to move.
    return b->size_class >= CLASS_RUN && size > b->chunk_bytes && size <= CHUNK_BYTES_MAX &&
           (!heap_is_watched() || heap->sample.left_bytes >= (int64_t)size) &&
           load_relaxed(&b->owner) == &heap->owner && heap_grow_run(heap, b, size_class_of(size));
}

bool
alloc_realloc_keeps(struct block *b, size_t size)
{
    return realloc_keeps(b->chunk_bytes, size) || realloc_grow_run(b, size);
}

// Large objects, and what is no live object.
APART static void *
realloc_rest(void *p, size_t size)
{
    struct place place = place_of(p);

    if (place.kind == PLACE_NOWHERE) {
        return NULL;
    }
    if (place.kind == PLACE_EMPTY) {
        return realloc_move(p, 0, size);
    }
    if (place.kind == PLACE_LARGE && size > CHUNK_BYTES_MAX) {
        void *q = alloc_resize_large(place.large, size);
        if (q != NULL) {
            return q;
        }
    }
    return realloc_keeps(place.usable_bytes, size) ? p
                                                   : realloc_move(p, place.usable_bytes, size);
}

void *
alloc_realloc(void *p, size_t size)
{
    if (p == NULL) {
        return alloc_fast(size);
    }
    if (unlikely(size == 0)) {
        free_fast(p);
        return NULL;
    }
    struct block *b = place_live_block(p);
    if (unlikely(b == NULL)) {
        return realloc_rest(p, size);
    }
    if (alloc_realloc_keeps(b, size)) {
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
