// SPDX-License-Identifier: MIT
//
// Judges a table of size classes: what it says, what it wastes, how many classes it needs for that,
// and what a lookup costs.

#include "block.h"
#include "size_class.h"
#include "steps.h"

#define EXACT_MAX 112   // up to here classes are 16 bytes apart
#define DENSE_MAX 8192  // up to here the waste is bounded
#define CHUNK_MAX 32768 // and up to here as many objects as fit share a block
#define CLASSES_MAX 54
#define WASTE_PER_MILLE 125
#define STEPS_MAX 24

static unsigned early[DENSE_MAX + 1];

// Before any constructor has run; malloc is called that early.
static void
accept_early(void)
{
    for (size_t size = 0; size <= DENSE_MAX; size++) {
        early[size] = size_class_of(size);
    }
}

__attribute__((section(".preinit_array"),
               used)) static void (*const accept_first)(void) = accept_early;

static void
accept_order(void)
{
    for (unsigned c = 0; c < SIZE_CLASS_COUNT; c++) {
        size_t bytes = size_class_bytes(c);
        require(bytes % 16 == 0, "class %u has %zu bytes, which is no multiple of 16", c, bytes);
        require(c == 0 || bytes > size_class_bytes(c - 1), "class %u is not larger than class %u",
                c, c - 1);
    }
    require(size_class_bytes(SIZE_CLASS_COUNT - 1) == CHUNK_BYTES_MAX,
            "the last class has %zu bytes, and CHUNK_BYTES_MAX is %d",
            size_class_bytes(SIZE_CLASS_COUNT - 1), CHUNK_BYTES_MAX);
}

// Against a search that cannot be wrong.
static void
accept_lookup(void)
{
    unsigned right = 0;

    for (size_t size = 0; size <= CHUNK_BYTES_MAX; size++) {
        right += size > size_class_bytes(right);
        require(size_class_of(size) == right,
                "size_class_of(%zu) is %u; the smallest that is large enough is class %u", size,
                size_class_of(size), right);
        require(size > DENSE_MAX || early[size] == right,
                "size_class_of(%zu) was %u before constructors ran, and is %u now", size,
                early[size], right);
    }
}

// How much of a block nobody can use when it is full of objects of this size: what each leaves of
// its chunk, and what the last chunk leaves of the block.
static size_t
accept_unused_bytes(size_t size)
{
    return BLOCK_BYTES - BLOCK_BYTES / size_class_bytes(size_class_of(size)) * size;
}

static void
accept_waste(void)
{
    size_t worst = EXACT_MAX;

    for (size_t size = 1; size <= EXACT_MAX; size++) {
        require(size_class_bytes(size_class_of(size)) == (size + 15) / 16 * 16,
                "objects of %zu bytes get chunks of %zu", size,
                size_class_bytes(size_class_of(size)));
    }
    for (size_t size = EXACT_MAX + 1; size <= DENSE_MAX; size++) {
        worst = accept_unused_bytes(size) > accept_unused_bytes(worst) ? size : worst;
    }
    require(accept_unused_bytes(worst) * 1000 <= BLOCK_BYTES * WASTE_PER_MILLE,
            "objects of %zu bytes leave %.1f %% of a block to nobody; %.1f %% are allowed", worst,
            (double)accept_unused_bytes(worst) * 100 / BLOCK_BYTES, WASTE_PER_MILLE / 10.0);
}

static void
accept_top(void)
{
    require(CHUNK_BYTES_MAX == CHUNK_MAX, "the largest chunk has %d bytes, not %d", CHUNK_BYTES_MAX,
            CHUNK_MAX);
    for (size_t size = DENSE_MAX + 1; size <= CHUNK_MAX; size++) {
        size_t fit = BLOCK_BYTES / ((size + 15) / 16 * 16);
        size_t have = BLOCK_BYTES / size_class_bytes(size_class_of(size));
        require(have == fit, "of objects of %zu bytes %zu share a block; %zu would fit", size, have,
                fit);
    }
}

// heap_alloc() asks for a chunk of a power of two where the program wants such an alignment.
static void
accept_powers(void)
{
    for (size_t power = 16; power <= CHUNK_MAX; power *= 2) {
        size_t bytes = size_class_bytes(size_class_of(power));
        require(bytes % power == 0, "an object at a multiple of %zu would get a chunk of %zu bytes",
                power, bytes);
    }
}

static void
accept_call(size_t size)
{
    static volatile unsigned result;

    result = size_class_of(size);
}

static void
accept_cost(void)
{
    static size_t size[2 * SIZE_CLASS_COUNT];
    static long steps[2 * SIZE_CLASS_COUNT];

    for (unsigned c = 0; c < SIZE_CLASS_COUNT; c++) {
        size[2 * c] = size_class_bytes(c);
        size[2 * c + 1] = size_class_bytes(c) - 15;
    }
    steps_count(accept_call, size, 2 * SIZE_CLASS_COUNT, steps);
    for (size_t i = 0; i < 2 * SIZE_CLASS_COUNT; i++) {
        require(steps[i] <= STEPS_MAX, "size_class_of(%zu) takes %ld instructions; %d are allowed",
                size[i], steps[i], STEPS_MAX);
    }
}

int
main(void)
{
    accept_order();
    accept_lookup();
    accept_waste();
    accept_top();
    accept_powers();
    require(SIZE_CLASS_COUNT <= CLASSES_MAX, "%d classes; %d are allowed", SIZE_CLASS_COUNT,
            CLASSES_MAX);
    accept_cost();
    show("%d classes, at most %.1f %% of a block unused up to %d bytes, lookup in constant time",
         SIZE_CLASS_COUNT, WASTE_PER_MILLE / 10.0, DENSE_MAX);
    return 0;
}
