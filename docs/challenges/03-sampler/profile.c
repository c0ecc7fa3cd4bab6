// SPDX-License-Identifier: MIT
//
// The sampler at work in phase IX: how many bytes the program has allocated, by class, as far as
// the sample tells. The linker leads each call of heap_alloc() here (--wrap=heap_alloc).

#include "sampler.h"
#include "size_class.h"
#include "tiny.h"

#include <stdatomic.h>

static atomic_size_t profile_bytes[SIZE_CLASS_COUNT + 1]; // the last: large objects

void *__real_heap_alloc(size_t size, size_t align);

static unsigned
profile_class(size_t size)
{
    return size > CHUNK_BYTES_MAX ? SIZE_CLASS_COUNT : size_class_of(size);
}

void *
__wrap_heap_alloc(size_t size, size_t align)
{
    size_t weight = sampler_weigh(size);

    if (weight > 0) {
        atomic_fetch_add_explicit(&profile_bytes[profile_class(size)], weight,
                                  memory_order_relaxed);
    }
    return __real_heap_alloc(size, align);
}

// What objects of about `size` bytes add up to.
TINY_EXPORT size_t
tiny_profile(size_t size)
{
    return atomic_load_explicit(&profile_bytes[profile_class(size)], memory_order_relaxed);
}
