// SPDX-License-Identifier: MIT
//
// The part of apex.h that stands on alloc.c: alignment in all its historic forms, sizes that are
// products, sized frees, statistics. Contracts are in apex.h. Any thread, any time; what may differ
// between C, POSIX and glibc is decided here, once, and told in docs/API.md.

#include "apex.h"
#include "base/bits.h"
#include "front/ctl.h"
#include "front/entry.h"
#include "front/range.h"
#include "front/walk.h"
#include "os/os.h"
#include "view/print.h"
#include "view/stats.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { STATS_MIN_BYTES = offsetof(struct apex_stats, active_bytes) };

#define ALIGN_MAX ((size_t)1 << 63)

_Static_assert(sizeof(size_t) == 8, "libapex is for 64-bit machines");
_Static_assert(sizeof(struct apex_stats) == 12 * 8, "no holes; append, never insert");

static void *
api_fail(int error)
{
    errno = error;
    return NULL;
}

void *
apex_malloc(size_t size)
{
    return entry_malloc(size);
}

void
apex_free(void *ptr)
{
    entry_free(ptr);
}

void *
apex_calloc(size_t count, size_t size)
{
    return entry_calloc(count, size);
}

void *
apex_realloc(void *ptr, size_t size)
{
    return entry_realloc(ptr, size);
}

size_t
apex_malloc_usable_size(void *ptr)
{
    return entry_usable_size(ptr);
}

void *
apex_reallocarray(void *ptr, size_t count, size_t size)
{
    size_t bytes;

    if (unlikely(__builtin_mul_overflow(count, size, &bytes))) {
        return api_fail(ENOMEM);
    }
    return entry_realloc(ptr, bytes);
}

void
apex_free_sized(void *ptr, size_t size)
{
    entry_free_sized(ptr, size);
}

void
apex_free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
    (void)alignment;
    entry_free_sized(ptr, size);
}

void *
apex_aligned_alloc(size_t alignment, size_t size)
{
    if (unlikely(!bits_is_pow2(alignment))) {
        return api_fail(EINVAL);
    }
    return entry_aligned(alignment, size);
}

void *
apex_memalign(size_t alignment, size_t size)
{
    if (unlikely(!bits_is_pow2(alignment))) {
        if (alignment > ALIGN_MAX) {
            return api_fail(EINVAL);
        }
        alignment = alignment == 0 ? 1 : (size_t)1 << (bits_log2(alignment) + 1);
    }
    return entry_aligned(alignment, size);
}

int
apex_posix_memalign(void **result, size_t alignment, size_t size)
{
    if (unlikely(!bits_is_pow2(alignment) || alignment < sizeof(void *))) {
        return EINVAL;
    }

    int saved = errno;
    void *ptr = entry_aligned(alignment, size);

    if (unlikely(ptr == NULL)) {
        errno = saved;
        return ENOMEM;
    }
    *result = ptr;
    return 0;
}

void *
apex_valloc(size_t size)
{
    return entry_aligned(os_page_bytes(), size);
}

void *
apex_pvalloc(size_t size)
{
    size_t page = os_page_bytes();

    if (unlikely(size > SIZE_MAX - page)) {
        return api_fail(ENOMEM);
    }
    return entry_aligned(page, size == 0 ? page : bits_align_up(size, page));
}

int
apex_malloc_trim(size_t keep_bytes)
{
    return alloc_trim(keep_bytes);
}

int
apex_check_range(const void *ptr, size_t size)
{
    return range_check(ptr, size);
}

const char *
apex_version(void)
{
    return PACKAGE_VERSION;
}

int
apex_stats_get(struct apex_stats *stats)
{
    size_t room = stats->size_bytes;

    if (room < STATS_MIN_BYTES) {
        return EINVAL;
    }

    struct stats_totals totals;

    stats_sum(&totals);
    const struct apex_stats full = {
        .size_bytes = room,
        .allocated_bytes = totals.allocated_bytes,
        .active_bytes = totals.process.active,
        .resident_bytes = totals.process.active + totals.process.dirty + totals.process.metadata,
        .dirty_bytes = totals.process.dirty,
        .retained_bytes = totals.process.retained,
        .mapped_bytes = totals.process.mapped,
        .metadata_bytes = totals.process.metadata,
        .large_bytes = totals.process.large,
        .large_count = totals.process.large_objects,
        .purged_bytes = totals.process.purged,
        .threads_count = totals.threads_live,
    };
    size_t known = room < sizeof full ? room : sizeof full;

    memcpy(stats, &full, known);
    memset((char *)stats + known, 0, room - known);
    return 0;
}

int
apex_stats_print(apex_write_fn *write, void *context, unsigned flags)
{
    int saved = errno;
    int fd = STDERR_FILENO;

    if ((flags & ~(unsigned)APEX_PRINT_JSON) != 0) {
        return EINVAL;
    }
    print_stats(write == NULL ? print_to_fd : write, write == NULL ? &fd : context,
                (flags & APEX_PRINT_JSON) != 0);
    errno = saved;
    return 0;
}

// --- Leaves --------------------------------------------------------------------------------------

int
apex_ctl(const char *name, void *old_value, size_t *old_bytes, const void *new_value,
         size_t new_bytes)
{
    const struct ctl_call call = {old_value, old_bytes, new_value, new_bytes};
    struct ctl_place place;
    int error = ctl_find(name, &place);

    return error != 0 ? error : ctl_do(place, &call);
}

int
apex_ctl_name_to_mib(const char *name, size_t *mib, size_t *mib_count)
{
    struct ctl_place place;
    int error = ctl_find(name, &place);

    if (error != 0) {
        return error;
    }
    size_t count = ctl_has_index(place.leaf) ? 2 : 1;
    if (*mib_count < count) {
        return EINVAL;
    }
    mib[0] = place.leaf;
    if (count == 2) {
        mib[1] = place.index;
    }
    *mib_count = count;
    return 0;
}

int
apex_ctl_by_mib(const size_t *mib, size_t mib_count, void *old_value, size_t *old_bytes,
                const void *new_value, size_t new_bytes)
{
    const struct ctl_call call = {old_value, old_bytes, new_value, new_bytes};

    if (mib_count == 0 || mib_count != (ctl_has_index(mib[0]) ? 2 : 1)) {
        return ENOENT;
    }
    return ctl_do((struct ctl_place){mib[0], mib_count == 2 ? mib[1] : 0}, &call);
}

int
apex_ctl_leaf_get(size_t index, struct apex_ctl_leaf *leaf)
{
    return ctl_leaf(index, leaf);
}

int
apex_walk(apex_walk_fn *visit, void *context)
{
    int saved = errno;

    walk_objects(visit, context);
    errno = saved;
    return 0;
}
