// SPDX-License-Identifier: MIT
//
// A bump allocator over its own reserved space, committed piece by piece.

#include "core/meta.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "os/lock.h"
#include "os/os.h"

#include <stdint.h>

#define META_ALIGN_BYTES 128
#define META_RESERVE_BYTES (UINT64_C(4) << 20)
#define META_COMMIT_BYTES (UINT64_C(256) << 10)
#define META_ALLOC_BYTES_MAX (UINT64_C(512) << 10)

static struct lock meta_lock = LOCK_INIT(LOCK_RANK_META);
static char *meta_next;      // first free byte
static char *meta_committed; // end of what may be touched
static char *meta_end;       // end of what is reserved
static size_t meta_total_bytes;

static bool
meta_extend(size_t bytes)
{
    if (bytes > (size_t)(meta_end - meta_next)) {
        void *space;
        if (os_reserve(META_RESERVE_BYTES, META_COMMIT_BYTES, 0, &space) != 0) {
            return false;
        }
        // The rest of the old reservation is given up: it was never touched.
        meta_next = meta_committed = space;
        meta_end = meta_next + META_RESERVE_BYTES;
    }
    size_t missing = (size_t)(meta_next + bytes - meta_committed);
    size_t commit = bits_align_up(missing, META_COMMIT_BYTES);
    if (os_commit(meta_committed, commit) != 0) {
        return false;
    }
    meta_committed += commit;
    return true;
}

void *
meta_alloc(size_t bytes)
{
    void *result = NULL;

    apex_assert(bytes <= META_ALLOC_BYTES_MAX);
    bytes = bits_align_up(bytes, META_ALIGN_BYTES);
    lock_acquire(&meta_lock);
    if (bytes <= (size_t)(meta_committed - meta_next) || meta_extend(bytes)) {
        result = meta_next;
        meta_next += bytes;
        add_relaxed(&meta_total_bytes, bytes);
    }
    lock_release(&meta_lock);
    return result;
}

size_t
meta_bytes(void)
{
    return load_relaxed(&meta_total_bytes);
}

void
meta_fork_prepare(void)
{
    lock_acquire(&meta_lock);
}

void
meta_fork_parent(void)
{
    lock_release(&meta_lock);
}

void
meta_fork_child(void)
{
    lock_renew(&meta_lock);
}
