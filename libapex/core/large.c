// SPDX-License-Identifier: MIT
//
// Mappings for large objects, the cache of freed ones, and (hardened) the quarantine behind it.
//
// A thread that unmaps or resizes marks the record BUSY under the lock and works without it: nobody
// else touches a busy record, and the system calls, which can take long, block no one.

#include "core/large.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "core/heapmap.h"
#include "core/registry.h"
#include "core/vault.h"
#include "os/lock.h"
#include "os/os.h"

#include <errno.h>

#define SHELF_COUNT_MAX 32
// A cached mapping serves a request as it is if at most this share is too much.
#define CACHE_WASTE_SHARE 4

// Hardened: a cached mapping serves nobody before this much was freed after it, and what leaves the
// cache keeps so much address space out of use.
#define WAIT_BYTES SUPERBLOCK_BYTES
#define PARKED_BYTES_MAX (PROFILE_GUARD ? UINT64_C(1) << 30 : 0)

static struct lock large_lock = LOCK_INIT(LOCK_RANK_LARGE);
static struct large_books *const books = &vault.large;

// With the vault open.
static void
large_books_lock(void)
{
    lock_acquire(&large_lock);
    if (unlikely(books->spares.next == NULL)) {
        list_init(&books->cache.list);
        list_init(&books->parked.list);
        list_init(&books->spares);
    }
}

static struct large *
large_record_new(void)
{
    struct large *large = NULL;

    large_books_lock();
    if (!list_empty(&books->spares)) {
        large = list_entry(books->spares.next, struct large, link);
        list_remove(&large->link);
    }
    lock_release(&large_lock);
    if (large == NULL) {
        large = vault_alloc(sizeof *large);
        if (large != NULL) {
            list_init(&large->link);
            large_books_lock();
            large->next_made = books->made;
            store_release(&books->made, large); // pairs with the acquire in large_next
            lock_release(&large_lock);
        }
    }
    if (large != NULL) {
        lock_acquire(&large_lock);
        large->map_row = heapmap_large_enter();
        lock_release(&large_lock);
    }
    return large;
}

static void
large_record_spare(struct large *large)
{
    large_books_lock();
    heapmap_large_leave(large->map_row);
    store_relaxed(&large->state, LARGE_SPARE);
    list_push(&books->spares, &large->link);
    lock_release(&large_lock);
}

// Another thread may be looking at the object and set another value.
static void
large_set_resident(struct large *large, size_t bytes)
{
    size_t old = exchange_relaxed(&large->resident_bytes, bytes);
    add_relaxed(&books->resident_bytes, (uint64_t)bytes - old); // modulo 2^64
}

static void
large_limit_resident(struct large *large)
{
    if (load_relaxed(&large->resident_bytes) > large->usable_bytes) {
        large_set_resident(large, large->usable_bytes);
    }
}

static void
large_register(struct large *large)
{
    size_t first = large->usable_bytes < SUPERBLOCK_BYTES ? large->usable_bytes : SUPERBLOCK_BYTES;

    registry_mark(large->base, first, REGISTRY_LARGE);
    if (large->usable_bytes > SUPERBLOCK_BYTES) {
        registry_mark(large->base + SUPERBLOCK_BYTES, large->usable_bytes - SUPERBLOCK_BYTES,
                      REGISTRY_LARGE_REST);
    }
}

static void
large_unregister(const struct large *large)
{
    registry_mark(large->base, large->usable_bytes, REGISTRY_NONE);
    registry_set_record(large->base, NULL); // the leaf exists, so this cannot fail
}

// The two are called under the lock.
static void
shelf_remove(struct large_shelf *shelf, struct large *large)
{
    list_remove(&large->link);
    store_relaxed(&shelf->bytes, shelf->bytes - large->usable_bytes);
    store_relaxed(&shelf->count, shelf->count - 1);
    store_relaxed(&large->state, LARGE_BUSY);
}

static void
shelf_put(struct large_shelf *shelf, struct large *large)
{
    list_push(&shelf->list, &large->link);
    store_relaxed(&large->state, LARGE_CACHED);
    store_relaxed(&shelf->count, shelf->count + 1);
    store_relaxed(&shelf->bytes, shelf->bytes + large->usable_bytes);
    heapmap_large_show(large->map_row, large->base, large->usable_bytes,
                       shelf == &books->cache ? APEX_LARGE_CACHED : APEX_LARGE_PARKED);
}

static void
shelf_add(struct large_shelf *shelf, struct large *large)
{
    large_books_lock();
    shelf_put(shelf, large);
    lock_release(&large_lock);
}

static bool
large_is_placed(const struct large *large, const struct large_place *place)
{
    return large->place_mode == place->mode && large->place_home == place->home &&
           large->place_key == place->key;
}

static void
large_note_place(struct large *large, const struct large_place *place)
{
    store_relaxed(&large->place_mode, (uint8_t)place->mode);
    large->place_key = place->key;
    store_relaxed(&large->place_home, place->home);
}

// Asks the kernel for what is wanted. Refused, it is as if nothing had been.
static void
large_bind(struct large *large, const struct large_place *place)
{
    const struct large_place touch = {.mode = LARGE_TOUCH, .home = place->home};
    int error = place->mode == LARGE_PREFER
                    ? os_place_prefer(large->base, large->usable_bytes, place->nodes)
                : place->mode == LARGE_INTERLEAVE
                    ? os_place_interleave(large->base, large->usable_bytes, place->nodes)
                    : 0;

    large_note_place(large, error == 0 ? place : &touch);
}

// Of the cached mappings that are bound as `place` says, takes the smallest that is large enough,
// or else the largest that is not; NULL when there is none. It is BUSY then. One that is not large
// enough will grow, and may move to where it is aligned to a superblock and no more.
static struct large *
large_cache_take(size_t bytes, size_t align, const struct large_place *place)
{
    struct large *best = NULL;
    size_t newer = 0;

    large_books_lock();
    for (struct list *l = books->cache.list.next; l != &books->cache.list; l = l->next) {
        struct large *large = list_entry(l, struct large, link);
        size_t have = large->usable_bytes;
        size_t best_have = best == NULL ? 0 : best->usable_bytes;
        bool better = best_have < bytes ? have > best_have : have >= bytes && have < best_have;
        bool aligned = ((uintptr_t)large->base & (align - 1)) == 0;
        bool waits = PROFILE_QUARANTINE && newer < WAIT_BYTES;
        bool fits = have >= bytes || align <= SUPERBLOCK_BYTES;
        if (!waits && better && aligned && fits && large_is_placed(large, place)) {
            best = large;
        }
        newer += have;
    }
    if (best != NULL) {
        shelf_remove(&books->cache, best);
    }
    lock_release(&large_lock);
    return best;
}

static bool
large_map(struct large *large, size_t bytes, size_t align)
{
    void *base;
    uintptr_t near = load_relaxed(&books->next_near);

    if (os_reserve(bytes, align, bits_align_up(near, align), &base) != 0) {
        return false;
    }
    if (os_commit(base, bytes) != 0) {
        os_release(base, bytes);
        return false;
    }
    if (!registry_set_record(base, large)) {
        os_release(base, bytes);
        return false;
    }
    // One page of distance, so that running off the end of one object does not reach the next.
    store_relaxed(&books->next_near, (uintptr_t)base + bytes + os_page_bytes());
    store_relaxed(&large->base, base);
    store_relaxed(&large->usable_bytes, bytes);
    large_set_resident(large, bytes);
    large_register(large);
    return true;
}

// Unmaps a busy object, and keeps it parked if the kernel will not: it must not get lost.
static size_t
large_unmap(struct large *large)
{
    size_t bytes = large->usable_bytes;

    large_unregister(large);
    large_set_resident(large, 0);
    if (os_release(large->base, bytes) != 0) {
        // Out of mappings (vm.max_map_count). Without its pages it costs address space only.
        os_purge(large->base, bytes);
        large_register(large);
        registry_set_record(large->base, large);
        shelf_add(&books->parked, large);
        return 0;
    }
    large_record_spare(large);
    return bytes;
}

// Gives the tail of the mapping back.
static void
large_shrink(struct large *large, size_t bytes)
{
    size_t excess = large->usable_bytes - bytes;

    registry_mark(large->base, large->usable_bytes, REGISTRY_NONE);
    if (os_release(large->base + bytes, excess) == 0) {
        store_relaxed(&large->usable_bytes, bytes);
        large_limit_resident(large);
    }
    large_register(large);
}

static bool
large_grow(struct large *large, size_t bytes)
{
    void *to;
    int error = os_grow(large->base, large->usable_bytes, bytes);
    size_t resident = load_relaxed(&large->resident_bytes) + bytes - large->usable_bytes;

    if (error == 0) {
        store_relaxed(&large->usable_bytes, bytes);
        large_set_resident(large, resident);
        large_register(large);
        return true;
    }
    if (error == EFAULT) {
        return false; // the program has split the mapping; such cannot be moved as one
    }
    if (os_reserve(bytes, SUPERBLOCK_BYTES, 0, &to) != 0) {
        return false;
    }
    if (!registry_set_record(to, large)) {
        os_release(to, bytes);
        return false;
    }
    // Off the registry first: as soon as the pages have moved, another thread may map the old
    // place.
    struct large old = *large;
    large_unregister(&old);
    if (os_move(old.base, old.usable_bytes, bytes, to) != 0) {
        // `to` is not released: the kernel may have done so already, and another thread may be
        // there.
        registry_set_record(to, NULL);
        registry_set_record(old.base, large);
        large_register(large);
        return false;
    }
    store_relaxed(&large->base, to);
    store_relaxed(&large->usable_bytes, bytes);
    large_set_resident(large, resident);
    large_register(large);
    return true;
}

// What lies behind the first `bytes`, and a page of distance, becomes a mapping of its own in the
// cache, from the next place on where an object may begin. Nothing happens when that would be too
// little to serve any request, or when there is no memory for a record.
static void
large_split(struct large *large, size_t bytes)
{
    size_t first_bytes = bits_align_up(bytes + os_page_bytes(), SUPERBLOCK_BYTES);
    size_t rest_bytes = large->usable_bytes - first_bytes;

    if (large->usable_bytes < first_bytes || rest_bytes < CHUNK_BYTES_MAX) {
        return;
    }
    struct large *rest = large_record_new();
    if (rest == NULL || !registry_set_record(large->base + first_bytes, rest)) {
        if (rest != NULL) {
            large_record_spare(rest);
        }
        return;
    }
    store_relaxed(&rest->base, large->base + first_bytes);
    store_relaxed(&rest->usable_bytes, rest_bytes);
    rest->freed_ns = large->freed_ns;
    store_relaxed(&rest->place_mode, large->place_mode);
    rest->place_key = large->place_key;
    store_relaxed(&rest->place_home, large->place_home);
    size_t resident = load_relaxed(&large->resident_bytes);
    large_set_resident(rest, resident > first_bytes ? resident - first_bytes : 0);
    store_relaxed(&large->usable_bytes, first_bytes);
    large_register(rest);
    shelf_add(&books->cache, rest);
    large_shrink(large, first_bytes - os_page_bytes());
}

// Gives a cached mapping, which is busy, the size that is asked for. Pages that are there stay: to
// move them to a longer range costs the kernel far less than to make and clear new ones. A mapping
// that is a little too large is left as it is. NULL when it was impossible; the mapping is gone
// then.
static struct large *
large_fit(struct large *large, size_t bytes)
{
    if (PROFILE_GUARD && os_commit(large->base, large->usable_bytes) != 0) {
        large_unmap(large);
        return NULL;
    }
    large_split(large, bytes);
    if (large->usable_bytes > bytes + bytes / CACHE_WASTE_SHARE) {
        large_shrink(large, bytes);
    } else if (large->usable_bytes < bytes && !large_grow(large, bytes)) {
        large_unmap(large);
        return NULL;
    }
    return large;
}

static void
large_show_live(const struct large *large)
{
    heapmap_large_show(large->map_row, large->base, large->usable_bytes, APEX_LARGE_LIVE);
}

static struct large *
large_make(size_t bytes, size_t align, const struct large_place *place, bool *zeroed)
{
    if (bytes > (UINT64_C(1) << ADDRESS_BITS) || align > (UINT64_C(1) << (ADDRESS_BITS - 1))) {
        return NULL;
    }
    bytes = bits_align_up(bytes, os_page_bytes());
    align = align < SUPERBLOCK_BYTES ? SUPERBLOCK_BYTES : align;

    struct large *large = large_cache_take(bytes, align, place);
    if (large != NULL) {
        large = large_fit(large, bytes);
    }
    *zeroed = large == NULL;
    if (large == NULL) {
        large = large_record_new();
        if (large == NULL) {
            return NULL;
        }
        if (!large_map(large, bytes, align)) {
            // The cache may hold what is missing.
            if (large_trim(0, UINT64_MAX) == 0 || !large_map(large, bytes, align)) {
                large_record_spare(large);
                return NULL;
            }
        }
        large_bind(large, place);
    }
    large_show_live(large);
    store_relaxed(&large->state, LARGE_LIVE);
    return large;
}

struct large *
large_alloc(size_t bytes, size_t align, const struct large_place *place, bool *zeroed)
{
    vault_open();
    struct large *large = large_make(bytes, align, place, zeroed);
    vault_close();
    return large;
}

struct large *
large_find(const void *p)
{
    if (!registry_covers(p) || ((uintptr_t)p & SUPERBLOCK_MASK) != 0) {
        return NULL;
    }
    return registry_record(p);
}

bool
large_claim(struct large *large)
{
    uint32_t expected = LARGE_LIVE;

    vault_open();
    bool claimed = cas_strong_acquire(&large->state, &expected, LARGE_BUSY);
    vault_close();
    return claimed;
}

static bool
shelf_exceeds(const struct large_shelf *shelf, size_t bytes_max, unsigned count_max)
{
    return load_relaxed(&shelf->bytes) > bytes_max || load_relaxed(&shelf->count) > count_max;
}

// Takes the oldest mapping if a bound is exceeded; NULL when all is well.
static struct large *
shelf_evict(struct large_shelf *shelf, size_t bytes_max, unsigned count_max, uint64_t before_ns)
{
    struct large *large = NULL;

    large_books_lock();
    if (!list_empty(&shelf->list) && shelf_exceeds(shelf, bytes_max, count_max)) {
        large = list_entry(shelf->list.prev, struct large, link);
        if (large->freed_ns < before_ns) {
            shelf_remove(shelf, large);
        } else {
            large = NULL;
        }
    }
    lock_release(&large_lock);
    return large;
}

// Bounded: each round takes one out, and one that the kernel refuses to unmap ends the work.
static void
large_unpark(size_t bytes_max)
{
    struct large *large;

    while ((large = shelf_evict(&books->parked, bytes_max, SHELF_COUNT_MAX, UINT64_MAX)) != NULL &&
           large_unmap(large) != 0) {
    }
}

// Gives the pages of a busy object back. Returns how many bytes.
static size_t
large_retire(struct large *large)
{
    size_t bytes = large->usable_bytes;

    if (bytes > PARKED_BYTES_MAX || os_decommit(large->base, bytes) != 0) {
        return large_unmap(large);
    }
    large_set_resident(large, 0);
    shelf_add(&books->parked, large);
    large_unpark(PARKED_BYTES_MAX);
    return bytes;
}

static size_t
large_cache_shrink(size_t bytes_max, unsigned count_max, uint64_t before_ns)
{
    size_t given = 0;
    size_t bytes = 1;

    if (!shelf_exceeds(&books->cache, bytes_max, count_max)) {
        return 0; // most often, and without opening anything
    }
    vault_open();
    while (bytes != 0) { // bounded as above
        struct large *large = shelf_evict(&books->cache, bytes_max, count_max, before_ns);
        bytes = large == NULL ? 0 : large_retire(large);
        given += bytes;
    }
    vault_close();
    return given;
}

void
large_free(struct large *large, const struct large_bounds *bounds)
{
    apex_assert(large->state == LARGE_BUSY);
    vault_open();
    large->freed_ns = bounds->now_ns;
    bool keep = large->usable_bytes <= bounds->cached_bytes_max;
    if (keep && PROFILE_GUARD) {
        keep = os_hide(large->base, large->usable_bytes) == 0;
    }
    if (keep) {
        if (bounds->lazy) {
            os_lazy(large->base, large->usable_bytes); // may be refused: it stays as it is
        }
        shelf_add(&books->cache, large);
    } else {
        large_retire(large);
    }
    large_cache_shrink(bounds->cached_bytes_max, SHELF_COUNT_MAX, UINT64_MAX);
    vault_close();
}

size_t
large_trim(size_t keep_bytes, uint64_t before_ns)
{
    size_t given = large_cache_shrink(keep_bytes, UINT32_MAX, before_ns);

    if (before_ns == UINT64_MAX && load_relaxed(&books->parked.count) != 0) {
        vault_open();
        large_unpark(0);
        vault_close();
    }
    return given;
}

size_t
large_expel(bool (*away)(const struct large *large))
{
    unsigned left = load_relaxed(&books->cache.count);
    size_t given = 0;

    if (left == 0) {
        return 0;
    }
    vault_open();
    // The oldest becomes the newest: after one round they are in order again.
    for (; left > 0; left--) {
        struct large *large = shelf_evict(&books->cache, 0, 0, UINT64_MAX);
        if (large == NULL) {
            break;
        }
        if (away(large)) {
            given += large_retire(large);
        } else {
            shelf_add(&books->cache, large);
        }
    }
    vault_close();
    return given;
}

uint64_t
large_resident_bytes(void)
{
    return load_relaxed(&books->resident_bytes);
}

// Where large_look() is: `at` bytes into an object of `bytes`, of which `found` are in core.
static struct {
    struct large *large;
    size_t bytes;
    size_t at;
    size_t found;
} look;

static size_t
large_look_at(char *p, size_t bytes)
{
    uint8_t pages[SUPERBLOCK_BYTES / 4096];
    size_t page_bytes = os_page_bytes();
    size_t found = 0;

    if (os_resident(p, bytes, pages) != 0) {
        return 0; // unmapped meanwhile, or the kernel will not say
    }
    for (size_t i = 0; i < bytes / page_bytes; i++) {
        found += (pages[i] & 1) * page_bytes;
    }
    return found;
}

// True while there is more of this object to look at.
static bool
large_look_on(void)
{
    uint32_t state = load_relaxed(&look.large->state);
    size_t usable = load_relaxed(&look.large->usable_bytes);

    if (state != LARGE_LIVE && state != LARGE_CACHED) {
        return false;
    }
    if (look.at == 0) {
        look.bytes = usable;
    }
    if (look.bytes != usable) {
        return false; // it has been resized meanwhile
    }
    size_t left = usable - look.at;
    size_t bytes = left < SUPERBLOCK_BYTES ? left : SUPERBLOCK_BYTES;
    look.found += large_look_at(load_relaxed(&look.large->base) + look.at, bytes);
    look.at += bytes;
    if (look.at < usable) {
        return true;
    }
    vault_open();
    large_set_resident(look.large, look.found);
    vault_close();
    return false;
}

bool
large_look(void)
{
    if (look.large == NULL) {
        look.large = large_next(NULL);
    }
    if (look.large != NULL && !large_look_on()) {
        look.large = large_next(look.large);
        look.at = 0;
        look.found = 0;
    }
    return look.large != NULL;
}

struct large *
large_next(const struct large *large)
{
    // Pairs with the release in large_record_new.
    return large == NULL ? load_acquire(&books->made) : large->next_made;
}

size_t
large_cached_bytes(void)
{
    return load_relaxed(&books->cache.bytes);
}

void *
large_resize(struct large *large, size_t bytes, const struct large_place *place)
{
    bool done = bytes <= (UINT64_C(1) << ADDRESS_BITS);

    vault_open();
    if (done) {
        bytes = bits_align_up(bytes, os_page_bytes());
        if (bytes > large->usable_bytes) {
            done = large_grow(large, bytes);
            if (done && place->mode != LARGE_TOUCH && !large_is_placed(large, place)) {
                large_bind(large, place);
            }
        } else if (bytes < large->usable_bytes) {
            large_shrink(large, bytes);
        }
    }
    void *result = done ? large->base : NULL;
    large_show_live(large);
    store_relaxed(&large->state, LARGE_LIVE);
    vault_close();
    return result;
}

void
large_fork_prepare(void)
{
    lock_acquire(&large_lock);
}

void
large_fork_parent(void)
{
    lock_release(&large_lock);
}

void
large_fork_child(void)
{
    lock_renew(&large_lock);
}
