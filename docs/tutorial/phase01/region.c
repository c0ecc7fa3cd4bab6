// SPDX-License-Identifier: MIT
//
// The region: one mmap, and an arrow that moves through it.
//
// Invariants
//   R1  region_base is NULL or the address of REGION_BYTES that are ours, and never changes again.
//   R2  region_used only grows. What lies below it belongs to whoever took it; what lies above has
//       never been touched, so it costs no memory and reads as zero.

#include "region.h"

#include <stdatomic.h>
#include <sys/mman.h>

static _Atomic(char *) region_base;
static atomic_size_t region_used;

// Reserves the region. Several threads may be first: one of them wins, and the others give back
// what they have made.
static char *
region_make(void)
{
    // BEGIN STEP 1: return NULL;
    char *winner = NULL;
    char *made = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (made == MAP_FAILED) {
        return NULL;
    }
    if (atomic_compare_exchange_strong(&region_base, &winner, made)) {
        return made;
    }
    munmap(made, REGION_BYTES);
    return winner;
    // END STEP 1
}

void *
region_take(size_t bytes)
{
    // BEGIN STEP 1: return NULL;
    char *base = atomic_load(&region_base);
    size_t used = atomic_load(&region_used);

    if (base == NULL && (base = region_make()) == NULL) {
        return NULL;
    }
    do {
        if (bytes > REGION_BYTES - used) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&region_used, &used, used + bytes));
    return base + used;
    // END STEP 1
}

char *
region_start(void)
{
    return atomic_load(&region_base);
}

size_t
region_used_bytes(void)
{
    return atomic_load(&region_used);
}
