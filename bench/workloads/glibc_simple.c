// SPDX-License-Identifier: MIT
//
// Blocks of one size, so many at a time. Idea: W. Dijkstra's bench-malloc-simple in glibc (2019).
//
// For each size and each number of blocks: allocate them all and free them in the same order; then
// allocate them all, free every other one, fill the holes, and free all from the back. Once on the
// main thread of a program with one thread, once on another thread, because some allocators have
// shorter paths for the first.
//
// Stresses the fast paths, with working sets from what a thread's cache holds to what it does not.
// Differs from the original: the sizes in turn in one run, fixed work for each, one result, the
// second round with its holes, and one object that stays while the others go: otherwise a heap that
// grows by brk would mostly measure how its end moves.
//
//   glibc_simple [operations]
//
// `operations`: allocations for each size, number and thread.

#include "common/object.h"

static const uint32_t sizes_bytes[] = {16, 32, 64, 128, 256, 512, 1024};
static const uint32_t block_counts[] = {1, 7, 25, 100, 400, 1600};

enum {
    SIZES = sizeof sizes_bytes / sizeof *sizes_bytes,
    COUNTS = sizeof block_counts / sizeof *block_counts,
    MOST_BLOCKS = 1600,
};

struct test {
    uint64_t operation_count;
    void *blocks[MOST_BLOCKS];
};

static void
in_order(struct test *test, uint32_t count, size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        test->blocks[i] = object_new(bytes);
    }
    for (uint32_t i = 0; i < count; i++) {
        object_free(test->blocks[i]);
    }
}

static void
with_holes(struct test *test, uint32_t count, size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        test->blocks[i] = object_new(bytes);
    }
    for (uint32_t i = 0; i < count; i += 2) {
        object_free(test->blocks[i]);
    }
    for (uint32_t i = 0; i < count; i += 2) {
        test->blocks[i] = object_new(bytes);
    }
    for (uint32_t i = count; i > 0; i--) {
        object_free(test->blocks[i - 1]);
    }
}

// Allocates one object behind `count` others, and frees those.
static void *
object_behind(struct test *test, uint32_t count, size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        test->blocks[i] = object_new(bytes);
    }
    void *behind = object_new(bytes);
    for (uint32_t i = 0; i < count; i++) {
        object_free(test->blocks[i]);
    }
    return behind;
}

static void
work(void *context, unsigned index)
{
    struct test *test = context;

    (void)index;
    for (unsigned c = 0; c < COUNTS; c++) {
        for (unsigned s = 0; s < SIZES; s++) {
            uint32_t count = block_counts[c];
            void *behind = object_behind(test, count, sizes_bytes[s]);
            for (uint64_t left = test->operation_count; left > 2 * count; left -= 2 * count) {
                in_order(test, count, sizes_bytes[s]);
                with_holes(test, count, sizes_bytes[s]);
            }
            object_free(behind);
        }
    }
}

int
main(int argc, char **argv)
{
    struct test *test = bench_map(sizeof *test);

    test->operation_count = bench_argument(argc, argv, 1, 1000000, 4 * MOST_BLOCKS);
    work(test, 0);
    bench_parallel(1, work, test);
    return 0;
}
