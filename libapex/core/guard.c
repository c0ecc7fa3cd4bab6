// SPDX-License-Identifier: MIT
//
// Where guards are. Refusals are no failure: what is not guarded works as well.

#include "core/guard.h"

#include "base/atomic.h"
#include "core/geometry.h"
#include "os/os.h"

static bool refused; // to hide a run, ever; atomic

static bool
guard_possible(void)
{
    return PROFILE_GUARD && os_page_bytes() <= GUARD_BYTES;
}

static char *
guard_behind(char *block)
{
    return block + BLOCK_BYTES - GUARD_BYTES;
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
guard_make_run(char *first, unsigned had, unsigned count, bool dirty)
{
    char *from = had == 0 ? first : guard_behind(first + (had - 1) * BLOCK_BYTES);
    char *to = guard_behind(first + (count - 1) * BLOCK_BYTES);

    if (guard_possible() && (count > 1 || !dirty)) {
        os_unguard(from, (size_t)(to - from));
    }
}

int
guard_purge(char *first, unsigned count)
{
    if (guard_possible() && os_guard(first, count * BLOCK_BYTES) == 0) {
        return 0;
    }
    return os_purge(first, count * BLOCK_BYTES);
}

void
guard_break_run(char *first, unsigned count)
{
    for (unsigned i = 1; guard_possible() && i < count; i++) {
        os_guard(guard_behind(first + (i - 1) * BLOCK_BYTES), GUARD_BYTES);
    }
}

// The object begins at a page and ends at the guard behind the run.
static size_t
guard_object_bytes(const struct block *b)
{
    return b->run_blocks * BLOCK_BYTES - LEAD_BYTES_MAX - HEADER_BYTES - GUARD_BYTES;
}

bool
guard_hide(const struct block *b)
{
    if (guard_possible() && os_guard(b->base + HEADER_BYTES, guard_object_bytes(b)) == 0) {
        return true;
    }
    store_relaxed(&refused, true);
    return false;
}

bool
guard_show(const struct block *b)
{
    return guard_possible() && os_unguard(b->base + HEADER_BYTES, guard_object_bytes(b)) == 0 &&
           !load_relaxed(&refused);
}
