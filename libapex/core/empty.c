// SPDX-License-Identifier: MIT
//
// One byte for each address: 0, or 1 more than the kind of the object.

#include "core/empty.h"

#include "base/atomic.h"
#include "core/meta.h"
#include "core/registry.h"
#include "os/lock.h"
#include "os/os.h"

#define ADDRESS_COUNT (SUPERBLOCK_BYTES / ALIGN_BYTES)

// Live at most: were all the others, too, whoever allocates and frees one would search all of the
// region for its only free address each time.
#define LIVE_MAX (ADDRESS_COUNT / 8 * 7)

struct empty_region {
    struct empty_region *next;
    char *base;
    uint32_t cursor; // where to look next for a free address
    uint32_t live;
    uint8_t object[ADDRESS_COUNT]; // atomic
};

static struct lock empty_lock = LOCK_INIT(LOCK_RANK_EMPTY);
static struct empty_region *regions; // newest first
static unsigned region_count;

static struct empty_region *
empty_grow(void)
{
    struct empty_region *region = NULL;
    void *base;

    if (region_count == EMPTY_REGIONS_MAX ||
        os_reserve(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES, 0, &base) != 0) {
        return NULL;
    }
    region = meta_alloc(sizeof *region);
    if (region == NULL || !registry_set_record(base, region)) {
        os_release(base, SUPERBLOCK_BYTES); // the record is lost; there is hardly any memory left
        return NULL;
    }
    region->base = base;
    region->next = regions;
    regions = region;
    region_count++;
    registry_mark(base, SUPERBLOCK_BYTES, REGISTRY_EMPTY);
    return region;
}

static struct empty_region *
empty_region_with_room(void)
{
    for (struct empty_region *region = regions; region != NULL; region = region->next) {
        if (region->live < LIVE_MAX) {
            return region;
        }
    }
    return empty_grow();
}

void *
empty_alloc(unsigned kind)
{
    char *p = NULL;

    lock_acquire(&empty_lock);
    struct empty_region *region = empty_region_with_room();
    if (region != NULL) {
        while (region->object[region->cursor] != 0) { // it ends: there is room
            region->cursor = (region->cursor + 1) % ADDRESS_COUNT;
        }
        store_relaxed(&region->object[region->cursor], (uint8_t)(kind + 1));
        p = region->base + (size_t)region->cursor * ALIGN_BYTES;
        region->cursor = (region->cursor + 1) % ADDRESS_COUNT;
        region->live++;
    }
    lock_release(&empty_lock);
    return p;
}

// NULL when `p` is not the address of any.
static uint8_t *
empty_object(const void *p, struct empty_region **region)
{
    *region = registry_record((const void *)geometry_superblock_base(p));
    if (*region == NULL || (uintptr_t)p % ALIGN_BYTES != 0) {
        return NULL;
    }
    return &(*region)->object[((uintptr_t)p & SUPERBLOCK_MASK) / ALIGN_BYTES];
}

int
empty_kind(const void *p)
{
    struct empty_region *region;
    const uint8_t *object = empty_object(p, &region);

    return object == NULL ? -1 : load_relaxed(object) - 1;
}

bool
empty_free(void *p)
{
    struct empty_region *region;
    uint8_t *object = empty_object(p, &region);

    lock_acquire(&empty_lock);
    bool live = object != NULL && *object != 0;
    if (live) {
        store_relaxed(object, 0);
        region->live--;
    }
    lock_release(&empty_lock);
    return live;
}

void *
empty_next(const void *p)
{
    void *next = NULL;

    lock_acquire(&empty_lock);
    const struct empty_region *region = regions;
    size_t at = 0;
    if (p != NULL) {
        region = registry_record((const void *)geometry_superblock_base(p));
        at = ((uintptr_t)p & SUPERBLOCK_MASK) / ALIGN_BYTES + 1;
    }
    while (region != NULL && next == NULL) {
        while (at < ADDRESS_COUNT && region->object[at] == 0) {
            at++;
        }
        if (at < ADDRESS_COUNT) {
            next = region->base + at * ALIGN_BYTES;
        } else {
            region = region->next;
            at = 0;
        }
    }
    lock_release(&empty_lock);
    return next;
}

void
empty_fork_prepare(void)
{
    lock_acquire(&empty_lock);
}

void
empty_fork_parent(void)
{
    lock_release(&empty_lock);
}

void
empty_fork_child(void)
{
    lock_renew(&empty_lock);
}
