// SPDX-License-Identifier: MIT
//
// The only file that speaks to the kernel about memory.

#include "os.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

static atomic_uint os_calls_left; // until one is refused; 0: none will be

void
os_refuse(unsigned n)
{
    atomic_store(&os_calls_left, n);
}

// Whether this call is the one to be refused.
static bool
os_refuses(void)
{
    // BEGIN STEP 1: return false;
    unsigned left = atomic_load_explicit(&os_calls_left, memory_order_relaxed);

    while (left > 0 && !atomic_compare_exchange_weak(&os_calls_left, &left, left - 1)) {
    }
    return left == 1;
    // END STEP 1
}

static size_t
os_whole_pages(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

void
os_release(void *p, size_t bytes)
{
    int saved = errno;

    munmap(p, os_whole_pages(bytes));
    errno = saved;
}

// Not readable and not writable: the kernel does not count it as memory that it has promised, until
// it is committed.
static char *
os_map(size_t bytes)
{
    int saved = errno;
    void *p = os_refuses() ? MAP_FAILED
                           : mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    errno = saved;
    return p == MAP_FAILED ? NULL : p;
}

// The kernel aligns to pages only: take more, and give back what is before and behind.
void *
os_reserve(size_t bytes, size_t align)
{
    size_t wanted = os_whole_pages(bytes);
    size_t more = wanted + align - PAGE_BYTES;
    char *made = more < wanted ? NULL : os_map(more);

    if (made == NULL) {
        return NULL;
    }
    size_t before = -(uintptr_t)made & (align - 1);
    size_t behind = more - before - wanted;
    if (before > 0) {
        os_release(made, before);
    }
    if (behind > 0) {
        os_release(made + before + wanted, behind);
    }
    return made + before;
}

bool
os_commit(void *p, size_t bytes)
{
    int saved = errno;
    bool done =
        !os_refuses() && mprotect(p, os_whole_pages(bytes), PROT_READ | PROT_WRITE) == 0;

    errno = saved;
    return done;
}
