// SPDX-License-Identifier: MIT
//
// Objects in sealed chunks, and in sealed mappings.

#include "front/sealed.h"

#include "core/empty.h"
#include "core/vault.h"
#include "front/alloc.h"
#include "front/lifecycle.h"
#include "front/place.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

// --- Large objects -------------------------------------------------------------------------------
//
// Size and kind are in the record, out of reach; the canary is behind the object as elsewhere. A
// freed one cannot be accessed, so that it is soon enough to zero it when it is used again.

static struct mac
large_mac(const struct large *large)
{
    return header_mac(large->base, large->size, 0);
}

static void *
large_seal(void *p, size_t size, enum seal_kind kind)
{
    struct large *large = large_find(p);

    vault_open();
    large->size = size;
    large->kind = (uint8_t)kind;
    vault_close();
    if (PROFILE_CANARY) {
        seal_canary_put(p, size, large_mac(large));
    }
    return p;
}

static void *
sealed_alloc_large(size_t bytes, size_t align, size_t size, enum seal_kind kind)
{
    struct heap *heap = lifecycle_heap();
    bool zeroed;

    if (heap != NULL) {
        heap_tick_alloc(heap); // housekeeping is no reason to have the vault open
    }
    vault_open(); // once for the mapping and for what large_seal() adds
    char *p = alloc_general(bytes, align, &zeroed);
    if (p != NULL) {
        if (PROFILE_ZERO && !zeroed) {
            wipe(p, large_find(p)->usable_bytes);
        }
        large_seal(p, size, kind);
    }
    vault_close();
    return p;
}

static bool
large_is_sound(const struct large *large)
{
    // Behind the canary the rest of its page, which is there, is zero.
    const char *end = large->base + large->size + CANARY_BYTES;
    size_t slack = -(uintptr_t)end & (os_page_bytes() - 1);

    if (PROFILE_CANARY && (!seal_canary_intact(large->base, large->size, large_mac(large)) ||
                           (PROFILE_ZERO && slack >= 8 && !wipe_holds_short(end, slack)))) {
        fault_raise(FAULT_OVERFLOW, large->base, 0);
        return false;
    }
    return true;
}

static void
large_open_and_free(struct large *large, struct seal_claim claim)
{
    enum seal_kind kind = (enum seal_kind)large->kind;

    if (seal_claim_holds(claim, kind, large->size, large->base, 0) && large_is_sound(large)) {
        alloc_free_large(large);
    }
}

// What realloc says of its object, as free does.
static const struct seal_claim by_malloc = {.kind = SEAL_MALLOC, .size = SEAL_ANY_SIZE};

// The object at its new size. What it has lost is zeroed, with the old canary; new pages are zero.
static void *
large_reseal(struct large *large, size_t size)
{
    size_t kept = size < large->size ? size : large->size;
    size_t end = large->size + CANARY_BYTES;

    end = end < large->usable_bytes ? end : large->usable_bytes;
    if (end > kept) {
        explicit_bzero(large->base + kept, end - kept); // as in core/wipe.c
    }
    return large_seal(large->base, size, SEAL_MALLOC);
}

// As alloc.c:realloc_move.
static void *
large_move(struct large *large, size_t size)
{
    bool fits = size <= large->size;
    int saved = errno;
    void *q = sealed_alloc(size, SEAL_MALLOC);

    if (q != NULL) {
        memcpy(q, large->base, fits ? size : large->size);
        alloc_free_large(large);
    } else if (fits) {
        errno = saved;
        q = large_reseal(large, size);
    }
    return q;
}

static void *
large_realloc(struct large *large, size_t size)
{
    enum seal_kind kind = (enum seal_kind)large->kind;

    if (!seal_claim_holds(by_malloc, kind, large->size, large->base, 0) ||
        !large_is_sound(large)) {
        return NULL;
    }
    if (size + OVERHEAD_BYTES <= CHUNK_BYTES_MAX ||
        alloc_resize_large(large, size + CANARY_BYTES) == NULL) {
        return large_move(large, size);
    }
    return large_reseal(large, size);
}

// --- Allocation ----------------------------------------------------------------------------------

static void *
sealed_fail(void)
{
    errno = ENOMEM;
    return NULL;
}

// A chunk of class `c` that has waited long enough, as an object; NULL when there is none.
FAST void *
sealed_reuse(struct heap *heap, unsigned c, size_t size, enum seal_kind kind)
{
    struct chunk *chunk = heap_reuse(heap, c);
    return likely(chunk != NULL) ? seal_reuse(chunk, c, size, kind) : NULL;
}

// What sealed_alloc_rest does when the profile does not look. `heap` may be NULL.
FAST void *
sealed_alloc_unwatched(struct heap *heap, size_t size, size_t align, enum seal_kind kind)
{
    if (unlikely(size > PTRDIFF_MAX - BLOCK_BYTES)) {
        return sealed_fail();
    }
    if (unlikely(size == 0) && align <= ALIGN_BYTES) {
        void *p = empty_alloc(kind);
        if (p != NULL) {
            return p;
        }
    }
    size_t bytes = size + OVERHEAD_BYTES;
    if (align > ALIGN_BYTES) {
        bytes = size_class_round(bytes, align);
    }
    if (unlikely(bytes > CHUNK_BYTES_MAX) || unlikely(align > OBJECT_ALIGN_MAX)) {
        size_t mapped = size + CANARY_BYTES;
        if (mapped <= CHUNK_BYTES_MAX && align <= OBJECT_ALIGN_MAX) {
            mapped = CHUNK_BYTES_MAX + 1; // what has no header is never a chunk
        }
        return sealed_alloc_large(mapped, align, size, kind);
    }
    void *p = likely(heap != NULL) ? sealed_reuse(heap, size_class_of(bytes), size, kind) : NULL;
    if (p != NULL) {
        return p;
    }
    struct chunk *chunk = alloc_fast(bytes);
    if (unlikely(chunk == NULL)) {
        return NULL;
    }
    return seal_close(block_head(geometry_descriptor(chunk)), chunk, size, kind);
}

// Of the canary in front of a sampled object.
static struct mac
lead_mac(const char *p)
{
    return header_mac(p, 0, 0);
}

// A sampled object: the rear of one that is larger by the lead (policy/sampler.h), which holds a
// canary, so that an underflow is found as it is without one. NULL when there is no such object;
// errno is as it was then.
static void *
sealed_alloc_sampled(struct heap *heap, size_t size, size_t align, enum seal_kind kind)
{
    size_t lead = align > SAMPLER_LEAD_BYTES ? align : SAMPLER_LEAD_BYTES;
    int saved = errno;

    uint64_t weight = sampler_weight(size, heap->sample.rate_bytes);
    heap_tick(heap); // a program may never leave the fast path otherwise
    sampler_wind(&heap->sample, &heap->rng);
    if (size > PTRDIFF_MAX - BLOCK_BYTES - lead) {
        return NULL;
    }
    char *base = sealed_alloc_unwatched(heap, size + lead, align, kind);
    if (base == NULL) {
        errno = saved;
        return NULL;
    }
    if (registry_kind_of(base) == REGISTRY_LARGE) {
        memset(base + size + lead, 0, CANARY_BYTES); // what is behind the object's own is zero
        lead = 0;
        large_seal(base, size, kind);
    }
    if (!sampler_enter(base + lead, size, lead, weight)) {
        // An ordinary object then, as in alloc_sampled().
        if (lead != 0) {
            seal_resize(block_head(geometry_descriptor(base)), chunk_of(base), size);
        }
        return base;
    }
    if (PROFILE_CANARY && lead != 0) {
        seal_canary_put(base + lead - CANARY_BYTES, 0, lead_mac(base + lead));
    }
    return base + lead;
}

// While the profile is on; or thread-local data is not there yet.
static APART void *
sealed_alloc_watched(size_t size, size_t align, enum seal_kind kind)
{
    struct heap *heap = heap_self.heap;
    void *p = NULL;

    if (heap != NULL && sampler_due(&heap->sample, size)) {
        p = sealed_alloc_sampled(heap, size, align, kind);
    }
    return p != NULL ? p : sealed_alloc_unwatched(heap, size, align, kind);
}

// Sizes above 1 KiB, alignments, objects of no bytes, and whatever the fast path cannot serve.
static APART void *
sealed_alloc_rest(size_t size, size_t align, enum seal_kind kind)
{
    return heap_is_watched()
               ? sealed_alloc_watched(size, align, kind)
               : sealed_alloc_unwatched(heap_self.heap, size, align, kind);
}

void *
sealed_aligned(size_t size, size_t align, enum seal_kind kind)
{
    return sealed_alloc_rest(size, align, kind);
}

// The fast path ends in calls or in nothing: what it did not call it need not save registers for.
static APART void *
sealed_alloc_unused(size_t size, enum seal_kind kind)
{
    size_t bytes = size + OVERHEAD_BYTES;
    struct block *b = heap_self.heap->direct[(bytes + ALIGN_BYTES - 1) >> ALIGN_SHIFT];
    struct chunk *chunk = block_pop(b);

    return likely(chunk != NULL) ? seal_close(b, chunk, size, kind)
                                 : sealed_alloc_rest(size, ALIGN_BYTES, kind);
}

static SLOW void *
sealed_alloc_accused(struct chunk *chunk, unsigned c, size_t size, enum seal_kind kind)
{
    void *p = seal_reuse_rest(chunk, c, size, kind);
    return p != NULL ? p : sealed_alloc_unused(size, kind);
}

void *
sealed_alloc(size_t size, enum seal_kind kind)
{
    struct heap *heap = heap_self.heap;

    // Thread-local data reads as 0 while the dynamic linker is still at work (alloc_fast); and the
    // profile sets this to 0 while it is on.
    if (unlikely(size - 1 >= DIRECT_BYTES_MAX - OVERHEAD_BYTES) ||
        unlikely(heap_self.direct_end == 0)) {
        return sealed_alloc_rest(size, ALIGN_BYTES, kind);
    }
    unsigned c = size_class_small(size + OVERHEAD_BYTES);
    struct chunk *chunk = heap_reuse(heap, c);
    if (unlikely(chunk == NULL)) {
        return sealed_alloc_unused(size, kind);
    }
    if (unlikely(!seal_is_quarantined(chunk)) || unlikely(!seal_is_clean_short(chunk, c))) {
        return sealed_alloc_accused(chunk, c, size, kind);
    }
    return seal_close_ready(chunk, c, size, kind);
}

void *
sealed_calloc(size_t count, size_t size)
{
    size_t bytes;

    if (unlikely(__builtin_mul_overflow(count, size, &bytes))) {
        return sealed_fail();
    }
    void *p = sealed_alloc(bytes, SEAL_MALLOC);
    if (!PROFILE_ZERO && p != NULL) {
        memset(p, 0, bytes);
    }
    return p;
}

// --- Free ----------------------------------------------------------------------------------------

FAST void
sealed_free_by(struct heap *heap, struct block *b, unsigned c, struct chunk *chunk)
{
    if (PROFILE_QUARANTINE) {
        heap_quarantine(heap, c, chunk);
    } else {
        heap_free(heap, b, chunk);
    }
}

// The thread has no heap yet, or none any more.
static APART void
sealed_free_first(struct block *b, unsigned c, struct chunk *chunk)
{
    struct heap *heap = lifecycle_heap_to_free();

    if (heap == NULL) {
        heap_free_remote_unbatched(b, chunk);
    } else {
        sealed_free_by(heap, b, c, chunk);
    }
}

// A chunk that has been opened.
FAST void
sealed_free_opened(struct block *b, unsigned c, struct chunk *chunk)
{
    struct heap *heap = heap_self.heap;

    if (unlikely(heap == NULL) || unlikely(!heap->live)) {
        sealed_free_first(b, c, chunk);
    } else {
        sealed_free_by(heap, b, c, chunk);
    }
}

static APART void
sealed_free_long(struct block *b, unsigned c, struct chunk *chunk)
{
    seal_open(chunk);
    sealed_free_opened(b, c, chunk);
}

// The header is sound, and `mac` is its checksum.
FAST void
sealed_free_chunk(struct block *b, struct chunk *chunk, struct mac mac, struct seal_claim claim)
{
    unsigned c = b->class;

    if (unlikely(!seal_is_intact(chunk, c, mac, claim))) {
        seal_accuse(b, chunk, claim);
    } else if (likely(seal_open_short(chunk))) {
        sealed_free_opened(b, c, chunk);
    } else {
        sealed_free_long(b, c, chunk);
    }
}

static void
empty_open_and_free(void *p, struct seal_claim claim)
{
    int kind = empty_kind(p);

    if (kind >= 0 && seal_claim_holds(claim, (enum seal_kind)kind, 0, p, 0) && !empty_free(p)) {
        fault_raise(FAULT_DOUBLE_FREE, p, 0); // another thread was faster
    }
}

// The profile forgets it, then the object is freed whose rear it is.
static void
sampled_open_and_free(struct block *b, char *p, struct seal_claim claim)
{
    size_t lead;

    if (!sampler_claim(p, &lead)) {
        fault_raise(FAULT_DOUBLE_FREE, p, b->chunk_bytes); // another thread was faster
    } else if (PROFILE_CANARY && !seal_canary_intact(p - CANARY_BYTES, 0, lead_mac(p))) {
        fault_raise(FAULT_CORRUPT_HEADER, p, b->chunk_bytes);
    } else {
        claim.size = claim.size == SEAL_ANY_SIZE ? claim.size : claim.size + lead;
        sealed_free(p - lead, claim);
    }
}

static APART void
sealed_free_rest(void *p, struct seal_claim claim)
{
    struct place place = place_of(p);
    struct mac mac;

    switch (place.kind) {
    case PLACE_CHUNK: // another thread has freed it meanwhile, or none has a heap
        mac = header_mac(chunk_of(p), (uint32_t)chunk_of(p)->header, 0);
        sealed_free_chunk(place.block, chunk_of(p), mac, claim);
        break;
    case PLACE_SAMPLED:
        sampled_open_and_free(place.block, p, claim);
        break;
    case PLACE_LARGE:
        large_open_and_free(place.large, claim);
        break;
    case PLACE_EMPTY:
        empty_open_and_free(p, claim);
        break;
    case PLACE_NOWHERE:
        break;
    }
}

void
sealed_free(void *p, struct seal_claim claim)
{
    struct block *b = place_block(p);
    struct chunk *chunk = chunk_of(p);
    struct mac mac;

    if (likely(b != NULL) && likely(header_is_live(chunk, chunk->header, b->class, &mac))) {
        sealed_free_chunk(b, chunk, mac, claim);
    } else if (p != NULL) {
        sealed_free_rest(p, claim);
    }
}

// --- Size, and changes of it ---------------------------------------------------------------------

size_t
sealed_size(const void *p)
{
    if (p == NULL) {
        return 0;
    }
    if (likely(place_live_block(p) != NULL)) {
        return seal_size(chunk_of(p));
    }
    struct place place = place_of(p);
    return place.kind == PLACE_LARGE   ? place.large->size
           : place.kind == PLACE_CHUNK ? seal_size(chunk_of(p))
           : place.kind == PLACE_SAMPLED
               ? seal_size(chunk_of((const char *)p - place.lead_bytes)) - place.lead_bytes
               : 0;
}

// Of a sampled object, which begins `lead` bytes behind the start of the chunk's, or of one that is
// not, with 0.
static void *
chunk_realloc(struct block *b, char *p, size_t lead, size_t size)
{
    struct chunk *chunk = chunk_of(p - lead);
    size_t old_size = seal_size(chunk) - lead;
    struct mac mac = header_mac(chunk, (uint32_t)chunk->header, 0);
    bool fits = size <= old_size;

    // First of all: a run that grows is one of another class, for which its header is wrong.
    if (unlikely(!seal_is_intact(chunk, b->class, mac, by_malloc))) {
        seal_accuse(b, chunk, by_malloc);
        return NULL;
    }
    if (lead == 0 && alloc_realloc_keeps(b, size + OVERHEAD_BYTES)) {
        seal_resize(b, chunk, size);
        return p;
    }
    int saved = errno;
    void *q = sealed_alloc(size, SEAL_MALLOC);
    if (q != NULL) {
        memcpy(q, p, fits ? size : old_size);
        sealed_free(p, by_malloc);
    } else if (fits) { // as alloc.c:realloc_move
        errno = saved;
        seal_resize(b, chunk, lead + size);
        q = p;
    }
    return q;
}

static void *
empty_realloc(void *p, size_t size)
{
    enum seal_kind kind = (enum seal_kind)empty_kind(p);
    bool ours = seal_claim_holds(by_malloc, kind, 0, p, 0);
    void *q = ours ? sealed_alloc(size, SEAL_MALLOC) : NULL;

    if (q != NULL) {
        sealed_free(p, by_malloc);
    }
    return q;
}

void *
sealed_realloc(void *p, size_t size)
{
    if (p == NULL) {
        return sealed_alloc(size, SEAL_MALLOC);
    }
    if (unlikely(size == 0)) {
        sealed_free(p, by_malloc);
        return NULL;
    }
    if (unlikely(size > PTRDIFF_MAX - BLOCK_BYTES)) {
        return sealed_fail();
    }
    struct block *b = place_live_block(p);
    if (likely(b != NULL)) {
        return chunk_realloc(b, p, 0, size);
    }
    struct place place = place_of(p);
    return place.kind == PLACE_LARGE ? large_realloc(place.large, size)
           : place.kind == PLACE_CHUNK || place.kind == PLACE_SAMPLED
               ? chunk_realloc(place.block, p, place.lead_bytes, size)
           : place.kind == PLACE_EMPTY ? empty_realloc(p, size)
                                       : NULL;
}
