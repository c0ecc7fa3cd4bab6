// SPDX-License-Identifier: MIT
//
// Where guards are. Refusals are no failure: what is not guarded works as well.

#include "core/guard.h"

#include "base/atomic.h"
#include "core/superblock.h"
#include "os/os.h"

#include <errno.h>

// Each at most two mappings of 65530 (vm.max_map_count).
#define GUARD_COUNTED_MAX 8192
static int32_t guard_count; // of guards that cost mappings; atomic
static bool guard_maps;     // there were such; atomic

static bool
guard_possible(void)
{
    return PROFILE_GUARD && os_page_bytes() <= GUARD_BYTES;
}

static char *
guard_address(const struct block *b)
{
    return geometry_superblock_base(b) + geometry_descriptor_index(b) * BLOCK_BYTES;
}

// The last page of a block.
static char *
guard_page(const struct block *b)
{
    return guard_address(b) + BLOCK_BYTES - GUARD_BYTES;
}

static bool
guard_pay(void)
{
    if (add_relaxed(&guard_count, 1) < GUARD_COUNTED_MAX) {
        return true;
    }
    sub_relaxed(&guard_count, 1);
    return false;
}

static unsigned
guard_counted(const struct block *first, unsigned count)
{
    unsigned counted = 0;

    for (unsigned i = 0; i < count; i++) {
        counted += (first[i].fence & FENCE_COUNTED) != 0 ? 1 : 0;
    }
    return counted;
}

// Guards a range; false when it cannot. `paid`: by a mapping, it counts no further. `*counted` is
// FENCE_COUNTED when it is by a mapping, else 0.
static bool
guard_close(char *address, size_t bytes, bool paid, uint8_t *counted)
{
    int error = os_guard(address, bytes);

    *counted = 0;
    if (error != EINVAL || (!paid && !guard_pay())) {
        return error == 0;
    }
    store_relaxed(&guard_maps, true);
    error = os_guard_by_mapping(address, bytes);
    *counted = error == 0 ? FENCE_COUNTED : 0;
    if (error != 0 && !paid) {
        sub_relaxed(&guard_count, 1);
    }
    return error == 0;
}

void
guard_superblock(char *base)
{
    struct superblock *sb = superblock_of(base);
    size_t end = BLOCK_BYTES - DESCRIPTOR_OFFSET_MIN;
    uint8_t before;
    uint8_t behind;

    if (!guard_possible()) {
        return;
    }
    guard_close(base, DESCRIPTOR_OFFSET_MIN, false, &before);
    bool all = guard_close(base + end, SUPERBLOCK_BYTES - end, false, &behind);
    sb->guards = (before != 0 ? 1 : 0) + (behind != 0 ? 1 : 0);
    for (unsigned i = 1; !all && i < BLOCK_COUNT; i++) {
        superblock_block(sb, i)->fence = FENCE_NONE;
    }
}

int
guard_release(char *base)
{
    const struct superblock *sb = superblock_of(base);
    unsigned counted = 0;

    if (guard_possible()) {
        counted = sb->guards + guard_counted(superblock_block(sb, 1), BLOCK_COUNT - 1);
    }
    int error = os_release(base, SUPERBLOCK_BYTES);
    if (error == 0 && counted != 0) {
        sub_relaxed(&guard_count, (int32_t)counted);
    }
    return error;
}

// Whether the last page of `b`, the last of a run, can stay guarded as it is. One of a block that
// is guarded as a whole is a guard of its own from then on, and may have to be paid for.
static bool
guard_keep(struct block *b)
{
    unsigned kind = b->fence & FENCE_KIND;

    if (kind == FENCE_ALL && load_relaxed(&guard_maps) && (b->fence & FENCE_COUNTED) == 0) {
        if (!guard_pay()) {
            return false;
        }
        b->fence |= FENCE_COUNTED;
    }
    return kind != FENCE_NONE;
}

// Opens what is guarded of neighbouring blocks, but for the last page if `keep`.
static bool
guard_open(const struct block *first, const struct block *last, bool keep)
{
    char *from = NULL;
    char *to = NULL;

    for (const struct block *b = first; b <= last; b++) {
        unsigned kind = b->fence & FENCE_KIND;
        if (kind == FENCE_ALL || (kind == FENCE_PAGE && b != last)) {
            char *start = kind == FENCE_ALL ? guard_address(b) : guard_page(b);
            from = from == NULL ? start : from;
            to = guard_page(b) + (b == last && keep ? 0 : GUARD_BYTES);
        }
    }
    if (from == NULL) {
        return true;
    }
    // Guards of both kinds may be there: the program may lock its memory between the two. First
    // those that the kernel may refuse to open.
    if (load_relaxed(&guard_maps) && os_commit(from, (size_t)(to - from)) != 0) {
        return false;
    }
    os_unguard(from, (size_t)(to - from));
    return true;
}

bool
guard_make_run(struct block *first, unsigned had, unsigned count)
{
    struct block *start = had == 0 ? first : &first[had - 1];
    struct block *last = &first[count - 1];

    if (!guard_possible()) {
        return true;
    }
    bool keep = guard_keep(last);
    if (!guard_open(start, last, keep)) {
        return false;
    }
    unsigned ended = guard_counted(start, (unsigned)(last - start));
    for (struct block *b = start; b < last; b++) {
        b->fence = FENCE_NONE;
    }
    if (ended != 0) {
        sub_relaxed(&guard_count, (int32_t)ended);
    }
    uint8_t counted = last->fence & FENCE_COUNTED;
    keep = keep || guard_close(guard_page(last), GUARD_BYTES, false, &counted);
    last->fence = keep ? FENCE_PAGE | counted : FENCE_NONE;
    return true;
}

int
guard_purge(struct block *first, unsigned count)
{
    char *address = guard_address(first);
    unsigned ended = guard_counted(first, count);
    uint8_t counted;

    if (!guard_possible()) {
        return os_purge(address, count * BLOCK_BYTES);
    }
    if (!guard_close(address, count * BLOCK_BYTES, ended != 0, &counted)) {
        // What the kernel had guarded without a mapping is open now.
        for (unsigned i = 0; i < count; i++) {
            first[i].fence = first[i].fence == FENCE_PAGE ? FENCE_NONE : first[i].fence;
        }
        return os_purge(address, count * BLOCK_BYTES);
    }
    // The kernel's own guards leave the mappings as they are; one that is a mapping is all of it.
    for (unsigned i = 0; i < count; i++) {
        first[i].fence = FENCE_ALL | (counted != 0 ? 0 : first[i].fence & FENCE_COUNTED);
    }
    first->fence |= counted;
    if (counted != 0 && ended != 0) {
        sub_relaxed(&guard_count, (int32_t)ended - 1);
    }
    return 0;
}
