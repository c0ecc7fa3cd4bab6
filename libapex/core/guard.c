// SPDX-License-Identifier: MIT
//
// Where guards are. Refusals are no failure: what is not guarded works as well.

#include "core/guard.h"

#include "core/geometry.h"
#include "os/os.h"

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

void
guard_superblock(char *base)
{
    if (!guard_possible()) {
        return;
    }
    size_t end = BLOCK_BYTES - DESCRIPTOR_OFFSET_MIN;
    os_guard(base, DESCRIPTOR_OFFSET_MIN);
    os_guard(base + end, SUPERBLOCK_BYTES - end);
}

void
guard_make_run(struct block *first, unsigned had, unsigned count)
{
    struct block *last = &first[count - 1];
    char *from = NULL;
    char *to = NULL;

    if (!guard_possible()) {
        return;
    }
    for (struct block *b = had == 0 ? first : &first[had - 1]; b <= last; b++) {
        if (b->fence == FENCE_ALL || (b->fence == FENCE_PAGE && b != last)) {
            char *start = b->fence == FENCE_ALL ? guard_address(b) : guard_page(b);
            from = from == NULL ? start : from;
            to = guard_page(b) + (b == last ? 0 : GUARD_BYTES);
        }
        b->fence = b == last ? b->fence : FENCE_NONE;
    }
    if (from != NULL) {
        os_unguard(from, (size_t)(to - from));
    }
    if (last->fence == FENCE_ALL ||
        (last->fence == FENCE_NONE && os_guard(guard_page(last), GUARD_BYTES) == 0)) {
        last->fence = FENCE_PAGE;
    }
}

int
guard_purge(struct block *first, unsigned count)
{
    if (guard_possible() && os_guard(guard_address(first), count * BLOCK_BYTES) == 0) {
        for (unsigned i = 0; i < count; i++) {
            first[i].fence = FENCE_ALL;
        }
        return 0;
    }
    return os_purge(guard_address(first), count * BLOCK_BYTES);
}
