// SPDX-License-Identifier: MIT
//
// The byte map and the radix tree behind it.

#include "core/registry.h"

#include "base/bits.h"
#include "base/check.h"
#include "core/vault.h"
#include "os/lock.h"
#include "os/os.h"

// 4 MiB slots covered by one leaf: 1024 pointers, 8 KiB, 4 GiB of address space.
#define LEAF_SHIFT 10
#define LEAF_COUNT (1u << LEAF_SHIFT)
#define ROOT_COUNT (REGISTRY_COUNT >> LEAF_SHIFT)

struct leaf {
    void *record[LEAF_COUNT];
};

// On pages of their own; registry_large_start reads eight bytes of the map at once.
OWN_PAGES uint8_t registry_map[REGISTRY_COUNT];
static OWN_PAGES struct leaf *registry_root[ROOT_COUNT];
static struct lock registry_lock = LOCK_INIT(LOCK_RANK_REGISTRY);
static bool sealed; // under the lock

_Static_assert(sizeof registry_map % PAGE_BYTES_MAX == 0, "nothing else is in its last page");
_Static_assert(sizeof registry_root % PAGE_BYTES_MAX == 0, "nor in this");

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
registry_seal(void)
{
    lock_acquire(&registry_lock);
    sealed = PROFILE_READONLY;
    if (sealed) { // a refusal is no failure
        os_seal(registry_map, sizeof registry_map);
        os_seal(registry_root, sizeof registry_root);
    }
    lock_release(&registry_lock);
}

struct pages {
    char *first;
    size_t bytes;
};

static struct pages
registry_pages(void *at, size_t bytes)
{
    char *first = (char *)bits_align_down((uintptr_t)at, os_page_bytes());
    char *end = (char *)bits_align_up((uintptr_t)at + bytes, os_page_bytes());
    return (struct pages){first, (size_t)(end - first)};
}

// Makes pages of `table` writable; all of it, and for good, when the kernel cannot split its
// mapping any more. With the lock, as the next.
static void
registry_open(struct pages pages, void *table, size_t table_bytes)
{
    if (sealed && os_commit(pages.first, pages.bytes) != 0) {
        apex_verify(os_commit(table, table_bytes) == 0, table);
    }
}

static void
registry_close(struct pages pages)
{
    if (sealed) {
        os_seal(pages.first, pages.bytes);
    }
}

// Only in the hardened profile: elsewhere nobody needs the lock.
static void
registry_mark_locked(size_t first, size_t count, enum registry_kind kind)
{
    struct pages pages = registry_pages(&registry_map[first], count);

    lock_acquire(&registry_lock);
    registry_open(pages, registry_map, sizeof registry_map);
    for (size_t i = 0; i < count; i++) {
        store_relaxed(&registry_map[first + i], (uint8_t)kind);
    }
    registry_close(pages);
    lock_release(&registry_lock);
}

void
registry_mark(const void *base, size_t bytes, enum registry_kind kind)
{
    size_t first = registry_slot(base);
    size_t last = registry_slot((const char *)base + bytes - 1);

    apex_verify(last < REGISTRY_COUNT, base);
    if (PROFILE_READONLY) {
        registry_mark_locked(first, last - first + 1, kind);
        return;
    }
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

// NULL when there is no memory. With the lock.
static struct leaf *
registry_leaf_new(struct leaf **entry)
{
    struct pages pages = registry_pages(entry, sizeof *entry);
    struct leaf *leaf = vault_alloc(sizeof *leaf);

    if (leaf != NULL) {
        registry_open(pages, registry_root, sizeof registry_root);
        store_release(entry, leaf);
        registry_close(pages);
    }
    return leaf;
}

bool
registry_set_record(const void *base, void *record)
{
    size_t slot = registry_slot(base);

    apex_verify(slot < REGISTRY_COUNT, base);
    vault_open();
    lock_acquire(&registry_lock);
    struct leaf *leaf = registry_root[slot >> LEAF_SHIFT];
    if (leaf == NULL) {
        leaf = registry_leaf_new(&registry_root[slot >> LEAF_SHIFT]);
    }
    if (leaf != NULL) {
        store_release(&leaf->record[slot & (LEAF_COUNT - 1)], record);
    }
    lock_release(&registry_lock);
    vault_close();
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
