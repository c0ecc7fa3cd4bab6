// SPDX-License-Identifier: MIT
//
// A bit for each 4 MiB that a program can have: 4 MiB in all, which the kernel makes when they are
// touched, so a page or two.
//
// Invariant
//   S1  A bit is set exactly while there is a span at its place that can be read.
//
// The order is relaxed: who has an object was told of it by whoever allocated it, in whatever way
// they talk to each other, and that was after the bit was set.

#include "registry.h"

#include <stdatomic.h>
#include <stdint.h>

enum { ADDRESS_BITS = 47, SPAN_SHIFT = 22, WORD_BITS = 64 };

#define SPANS ((size_t)1 << (ADDRESS_BITS - SPAN_SHIFT))

static atomic_ullong registry_bits[SPANS / WORD_BITS];

struct span *
registry_find(const void *p)
{
    // BEGIN STEP 2: return NULL;
    uintptr_t span = ((uintptr_t)p - 1) & ~(SPAN_BYTES - 1);
    size_t number = span >> SPAN_SHIFT;

    if (number >= SPANS) {
        return NULL;
    }
    unsigned long long word =
        atomic_load_explicit(&registry_bits[number / WORD_BITS], memory_order_relaxed);
    return (word >> number % WORD_BITS & 1) != 0 ? (struct span *)span : NULL;
    // END STEP 2
}

void
registry_add(const struct span *span)
{
    // BEGIN STEP 2:
    size_t number = (uintptr_t)span >> SPAN_SHIFT;

    atomic_fetch_or_explicit(&registry_bits[number / WORD_BITS], 1ull << number % WORD_BITS,
                             memory_order_relaxed);
    // END STEP 2
}

void
registry_remove(const struct span *span)
{
    // BEGIN STEP 2:
    size_t number = (uintptr_t)span >> SPAN_SHIFT;

    atomic_fetch_and_explicit(&registry_bits[number / WORD_BITS], ~(1ull << number % WORD_BITS),
                              memory_order_relaxed);
    // END STEP 2
}
