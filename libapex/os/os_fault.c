// SPDX-License-Identifier: MIT
//
// Stands between libapex and os_linux.c and os_place.c in tests, counts the calls that can fail and
// refuses those it was told to refuse, with the errno value that the kernel would give. Any thread.

#include "os/os_fault.h"

#include "base/atomic.h"
#include "os/os.h"
#include "os/os_place.h"

#include <errno.h>
#include <limits.h>

__typeof__(os_reserve) os_real_reserve;
__typeof__(os_commit) os_real_commit;
__typeof__(os_purge) os_real_purge;
__typeof__(os_lazy) os_real_lazy;
__typeof__(os_resident) os_real_resident;
__typeof__(os_release) os_real_release;
__typeof__(os_move) os_real_move;
__typeof__(os_grow) os_real_grow;
__typeof__(os_decommit) os_real_decommit;
__typeof__(os_hide) os_real_hide;
__typeof__(os_seal) os_real_seal;
__typeof__(os_guard) os_real_guard;
__typeof__(os_guard_by_mapping) os_real_guard_by_mapping;
__typeof__(os_unguard) os_real_unguard;
__typeof__(os_huge) os_real_huge;
__typeof__(os_read_pieces) os_real_read_pieces;
__typeof__(os_read_file) os_real_read_file;
__typeof__(os_place_prefer) os_real_place_prefer;
__typeof__(os_place_interleave) os_real_place_interleave;
__typeof__(os_place_default) os_real_place_default;
__typeof__(os_place_query) os_real_place_query;

static long first = LONG_MAX; // numbers of the calls that fail
static long last = LONG_MAX;
static long calls;
static long refused;

static void
os_fault_set(long from, long to)
{
    store_relaxed(&first, LONG_MAX);
    store_relaxed(&last, to);
    store_relaxed(&calls, 0);
    store_relaxed(&refused, 0);
    store_relaxed(&first, from);
}

void
os_fault_after(long n)
{
    os_fault_set(n < 1 ? LONG_MAX : n, n < 1 ? LONG_MAX : n);
}

void
os_fault_from(long n)
{
    os_fault_set(n < 1 ? LONG_MAX : n, LONG_MAX);
}

long
os_fault_calls(void)
{
    return load_relaxed(&calls);
}

long
os_fault_refused(void)
{
    return load_relaxed(&refused);
}

// Counts a call; true if it is one of those that fail.
static bool
os_fault_hit(void)
{
    long number = add_relaxed(&calls, 1) + 1;

    if (number < load_relaxed(&first) || number > load_relaxed(&last)) {
        return false;
    }
    add_relaxed(&refused, 1);
    return true;
}

int
os_reserve(size_t bytes, size_t align, uintptr_t near, void **out)
{
    return os_fault_hit() ? ENOMEM : os_real_reserve(bytes, align, near, out);
}

int
os_commit(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_commit(address, bytes);
}

int
os_hide(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_hide(address, bytes);
}

int
os_decommit(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_decommit(address, bytes);
}

int
os_seal(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_seal(address, bytes);
}

int
os_purge(void *address, size_t bytes)
{
    return os_fault_hit() ? EAGAIN : os_real_purge(address, bytes);
}

int
os_lazy(void *address, size_t bytes)
{
    return os_fault_hit() ? EINVAL : os_real_lazy(address, bytes);
}

int
os_resident(void *address, size_t bytes, uint8_t *pages)
{
    return os_fault_hit() ? EAGAIN : os_real_resident(address, bytes, pages);
}

int
os_guard(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_guard(address, bytes);
}

int
os_guard_by_mapping(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_guard_by_mapping(address, bytes);
}

void
os_unguard(void *address, size_t bytes)
{
    os_real_unguard(address, bytes); // the kernel has no reason to refuse
}

int
os_release(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_release(address, bytes);
}

int
os_move(void *address, size_t old_bytes, size_t new_bytes, void *to)
{
    return os_fault_hit() ? ENOMEM : os_real_move(address, old_bytes, new_bytes, to);
}

int
os_grow(void *address, size_t old_bytes, size_t new_bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_grow(address, old_bytes, new_bytes);
}

int
os_huge(void *address, size_t bytes, bool wanted)
{
    return os_fault_hit() ? EINVAL : os_real_huge(address, bytes, wanted);
}

int
os_read_pieces(const char *path, os_piece_fn *take, void *context)
{
    return os_fault_hit() ? EACCES : os_real_read_pieces(path, take, context);
}

int
os_read_file(const char *path, char *out, size_t capacity, size_t *length)
{
    return os_fault_hit() ? EACCES : os_real_read_file(path, out, capacity, length);
}

int
os_place_prefer(void *address, size_t bytes, const struct os_nodes *nodes)
{
    return os_fault_hit() ? EPERM : os_real_place_prefer(address, bytes, nodes);
}

int
os_place_interleave(void *address, size_t bytes, const struct os_nodes *nodes)
{
    return os_fault_hit() ? EPERM : os_real_place_interleave(address, bytes, nodes);
}

int
os_place_default(void *address, size_t bytes)
{
    return os_fault_hit() ? ENOMEM : os_real_place_default(address, bytes);
}

int
os_place_query(void *const *page, unsigned count, int *status)
{
    return os_fault_hit() ? EPERM : os_real_place_query(page, count, status);
}
