// SPDX-License-Identifier: MIT
//
// Random slots, a few of them used far more than others. Idea: OLogN Technologies, alloc-test,
// described in "Testing Memory Allocators: ptmalloc2 vs tcmalloc vs hoard vs jemalloc While Trying
// to Simulate Real-World Loads", ITHare, 2018.
//
// Which slot comes next follows a Pareto distribution: one fifth of the slots get four fifths of
// the visits, and so on within that fifth. A visit frees what the slot holds, or fills it if it is
// empty. Sizes: twice as large is half as frequent. Threads do not share anything.
//
// Stresses locality: slots that are visited often live in the cache, and the allocator's data with
// them; the others are old. Differs from the original: only the first word of an object is written
// and read, where the original walks through all of it.
//
//   alloctest [threads visits slots steps]
//
// `visits` and `slots` for each thread; sizes up to 8 << `steps` bytes.

#include "common/object.h"

#include <math.h>

enum { GROUPS = 1 << 12 };

// log(0.2) / log(0.8): the share of slots, most visited first, that a share of the visits goes to.
#define PARETO_EXPONENT 7.2126

struct test {
    uint64_t visit_count;
    uint32_t slot_count;
    unsigned steps;
    void **slots;
    uint32_t group_start[GROUPS + 1]; // each group gets the same number of visits
};

static void
pareto_prepare(struct test *test)
{
    for (uint32_t i = 0; i <= GROUPS; i++) {
        double share = pow((double)i / GROUPS, PARETO_EXPONENT);
        test->group_start[i] = (uint32_t)(share * test->slot_count);
    }
    test->group_start[GROUPS] = test->slot_count;
}

static uint32_t
pareto_slot(const struct test *test, uint32_t bits)
{
    uint32_t group = bits % GROUPS;
    uint32_t start = test->group_start[group];

    return start + bench_scale(bits, test->group_start[group + 1] - start);
}

static void
work(void *context, unsigned index)
{
    struct test *test = context;
    void **slots = test->slots + (size_t)index * test->slot_count;
    struct bench_random random;

    bench_random_start(&random, index);
    for (uint64_t i = 0; i < test->visit_count; i++) {
        uint64_t bits = bench_random_next(&random);
        void **slot = &slots[pareto_slot(test, (uint32_t)bits)];
        if (*slot != NULL) {
            object_free(*slot);
            *slot = NULL;
        } else {
            *slot = object_new(object_falling_bytes((uint32_t)(bits >> 32), test->steps));
        }
    }
    object_free_all(slots, test->slot_count);
}

int
main(int argc, char **argv)
{
    struct test *test = bench_map(sizeof *test);
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 1, 1);

    test->visit_count = bench_argument(argc, argv, 2, 20000000, 1);
    test->slot_count = (uint32_t)bench_argument(argc, argv, 3, 200000, 1);
    test->steps = (unsigned)bench_argument(argc, argv, 4, 7, 1);
    if (test->steps > 24) {
        bench_die("more than 24 steps");
    }
    test->slots = bench_map((size_t)threads * test->slot_count * sizeof(void *));
    pareto_prepare(test);
    bench_parallel(threads, work, test);
    return 0;
}
