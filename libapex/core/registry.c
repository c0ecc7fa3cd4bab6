// SPDX-License-Identifier: MIT
//
// The byte map and the radix tree behind it.

#include "core/registry.h"

#include "base/bits.h"
#include "base/check.h"
#include "core/meta.h"
#include "os/lock.h"
#include "os/os.h"

// 4 MiB slots covered by one leaf: 1024 pointers, 8 KiB, 4 GiB of address space.
#define LEAF_SHIFT 10
#define LEAF_COUNT (1u << LEAF_SHIFT)
#define ROOT_COUNT (REGISTRY_COUNT >> LEAF_SHIFT)

struct leaf {
    void *record[LEAF_COUNT];
};

CACHE_ALIGNED uint8_t registry_map[REGISTRY_COUNT]; // registry_large_start reads eight at once
static struct leaf *registry_root[ROOT_COUNT];
static struct lock registry_lock = LOCK_INIT(LOCK_RANK_REGISTRY);

static size_t
registry_slot(const void *p)
{
    return (uintptr_t)p >> SUPERBLOCK_SHIFT;
}

void
registry_start(void)
{
    size_t page = os_page_bytes();
    uintptr_t first = bits_align_up((uintptr_t)registry_map, page);
    uintptr_t end = bits_align_down((uintptr_t)registry_map + sizeof registry_map, page);

    os_huge((void *)first, end - first, false);
}

void
registry_mark(const void *base, size_t bytes, enum registry_kind kind)
{
    size_t first = registry_slot(base);
    size_t last = registry_slot((const char *)base + bytes - 1);

    apex_verify(last < REGISTRY_COUNT, base);
    for (size_t slot = first; slot <= last; slot++) {
        store_relaxed(&registry_map[slot], (uint8_t)kind);
    }
}

// Back over eight slots at a time, 32 MiB, where all are REST; it ends, since REST follows LARGE.
const void *
registry_large_start(const void *p)
{
    typedef uint64_t __attribute__((may_alias)) eight;
    const uint64_t rest = UINT64_MAX / UINT8_MAX * REGISTRY_LARGE_REST;
    const eight *map = (const eight *)(const void *)registry_map;
    size_t slot = registry_slot(p) & (REGISTRY_COUNT - 1);

    while (load_relaxed(&registry_map[slot]) == REGISTRY_LARGE_REST && slot >= 8) {
        bool all = slot % 8 == 7 && load_relaxed(&map[slot / 8]) == rest;
        slot -= all ? 8 : 1;
    }
    return (const void *)(slot << SUPERBLOCK_SHIFT);
}

void *
registry_record(const void *base)
{
    size_t slot = registry_slot(base);

    if (slot >= REGISTRY_COUNT) {
        return NULL;
    }
    // Pairs with the release in registry_set_record: the leaf is seen zeroed or filled, never raw.
    struct leaf *leaf = load_acquire(&registry_root[slot >> LEAF_SHIFT]);
    return leaf == NULL ? NULL : load_acquire(&leaf->record[slot & (LEAF_COUNT - 1)]);
}

bool
registry_set_record(const void *base, void *record)
{
    size_t slot = registry_slot(base);

    apex_verify(slot < REGISTRY_COUNT, base);
    lock_acquire(&registry_lock);
    struct leaf *leaf = registry_root[slot >> LEAF_SHIFT];
    if (leaf == NULL) {
        leaf = meta_alloc(sizeof *leaf);
        if (leaf != NULL) {
            store_release(&registry_root[slot >> LEAF_SHIFT], leaf);
        }
    }
    if (leaf != NULL) {
        store_release(&leaf->record[slot & (LEAF_COUNT - 1)], record);
    }
    lock_release(&registry_lock);
    return leaf != NULL;
}

void
registry_fork_prepare(void)
{
    lock_acquire(&registry_lock);
}

void
registry_fork_parent(void)
{
    lock_release(&registry_lock);
}

void
registry_fork_child(void)
{
    lock_renew(&registry_lock);
}
