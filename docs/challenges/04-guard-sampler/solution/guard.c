// SPDX-License-Identifier: MIT
//
// One object of GUARD_EVERY lies at the end of a page that nobody else has, in front of a page that
// nobody may touch. When it is freed nobody may touch its page either, until all others were used.
//
//   guard | slot 0        object | guard | slot 1            | guard | …
//   ------+---------------+------+-------+-------------------+-------+---
//   none  | read, write          | none  | none: free        | none  |
//
// Invariants
//   G1  A slot is in the queue, or live, or in the hands of one thread that opens or closes it.
//   G2  The page of a slot in the queue cannot be touched, and holds no memory.
//   G3  Queue and states change under the heap's lock, so a fork finds them whole.

#include "guard.h"

#include "fault.h"
#include "os.h"
#include "thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

enum { SLACK_BYTE = 0xa5 };

struct slot {
    uint32_t offset; // of the object in its page
    uint32_t bytes;  // of the object
    bool live;
};

static struct slot guard_slot[GUARD_SLOTS];
static uint32_t guard_queue[GUARD_SLOTS]; // a ring of free slots, the one that waited longest first
static uint32_t guard_first, guard_free;  // where it begins, and how many they are
static _Atomic(char *) guard_base;        // of slot 0; NULL before the first guarded object
static OF_THREAD unsigned guard_left = GUARD_EVERY;

static char *
guard_page(const struct slot *slot)
{
    return atomic_load(&guard_base) + (size_t)(slot - guard_slot) * 2 * PAGE_BYTES;
}

// The slot in whose page, or in the guard behind it, `p` lies; NULL when in none.
static struct slot *
guard_slot_of(const void *p)
{
    char *base = atomic_load_explicit(&guard_base, memory_order_acquire);
    size_t offset = (size_t)((const char *)p - base);

    return base == NULL || offset >= (size_t)GUARD_SLOTS * 2 * PAGE_BYTES
               ? NULL
               : &guard_slot[offset / (2 * PAGE_BYTES)];
}

// Address space for all slots, each free. With the lock.
static bool
guard_make(void)
{
    char *made = os_reserve((2 * GUARD_SLOTS + 1) * PAGE_BYTES, PAGE_BYTES);

    if (made == NULL) {
        return false;
    }
    for (guard_free = 0; guard_free < GUARD_SLOTS; guard_free++) {
        guard_queue[guard_free] = guard_free;
    }
    atomic_store_explicit(&guard_base, made + PAGE_BYTES, memory_order_release);
    return true;
}

static struct slot *
guard_take(void)
{
    struct slot *slot = NULL;

    heap_begin();
    if ((atomic_load(&guard_base) != NULL || guard_make()) && guard_free > 0) {
        slot = &guard_slot[guard_queue[guard_first]];
        guard_first = (guard_first + 1) % GUARD_SLOTS;
        guard_free--;
    }
    heap_end();
    return slot;
}

// Behind all others. Its page must be closed.
static void
guard_give(const struct slot *slot)
{
    heap_begin();
    guard_queue[(guard_first + guard_free) % GUARD_SLOTS] = (uint32_t)(slot - guard_slot);
    guard_free++;
    heap_end();
}

static void
guard_set_live(struct slot *slot, bool live)
{
    heap_begin();
    slot->live = live;
    heap_end();
}

// NULL when all slots are taken, or the kernel has no memory.
static void *
guard_alloc(size_t size, size_t align)
{
    size_t bytes = size == 0 ? 1 : size; // or it would begin in the guard
    struct slot *slot = guard_take();

    if (slot == NULL) {
        return NULL;
    }
    char *page = guard_page(slot);
    if (!os_commit(page, PAGE_BYTES)) {
        guard_give(slot);
        return NULL;
    }
    slot->bytes = (uint32_t)bytes;
    slot->offset = (uint32_t)((PAGE_BYTES - bytes) & ~(align - 1));
    memset(page + slot->offset + bytes, SLACK_BYTE, PAGE_BYTES - slot->offset - bytes);
    guard_set_live(slot, true);
    return page + slot->offset;
}

// Takes the memory away, and every right to its addresses.
static void
guard_close(char *page)
{
    int saved = errno;

    if (mmap(page, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
             -1, 0) == MAP_FAILED) {
        fault("a freed page cannot be closed");
    }
    errno = saved;
}

static void
guard_check_slack(const struct slot *slot, const char *page)
{
    for (size_t i = slot->offset + slot->bytes; i < PAGE_BYTES; i++) {
        if (page[i] != (char)SLACK_BYTE) {
            fault("an object was written to behind its end");
        }
    }
}

// Whoever ends an object's life is alone in doing so: of two threads that free it one sees that it
// is not live.
static void
guard_end(struct slot *slot, const char *p)
{
    heap_begin();
    bool live = slot->live && p == guard_page(slot) + slot->offset;
    if (live) {
        slot->live = false;
    }
    heap_end();
    if (!live) {
        fault("free() of what is not live");
    }
}

void *
__wrap_heap_alloc(size_t size, size_t align)
{
    void *p = NULL;

    if (--guard_left == 0) {
        guard_left = GUARD_EVERY;
        if (size <= PAGE_BYTES && align <= PAGE_BYTES) {
            p = guard_alloc(size, align);
        }
    }
    return p != NULL ? p : __real_heap_alloc(size, align);
}

void
__wrap_heap_free(void *p)
{
    struct slot *slot = guard_slot_of(p);

    if (slot == NULL) {
        __real_heap_free(p);
        return;
    }
    guard_end(slot, p);
    guard_check_slack(slot, guard_page(slot));
    guard_close(guard_page(slot));
    guard_give(slot);
}

size_t
__wrap_heap_usable_bytes(const void *p)
{
    const struct slot *slot = guard_slot_of(p);

    return slot != NULL ? slot->bytes : __real_heap_usable_bytes(p);
}
