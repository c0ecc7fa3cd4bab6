// SPDX-License-Identifier: MIT
//
// Many threads, many sizes, objects that change hands, threads that come and go. Idea: D. Leijen's
// mstress in mimalloc-bench (2019), made to look like his services.
//
// In each round all threads start anew, fill a vector that grows by realloc, free some of it at
// random, retain some to the end, and swap objects with a table that all share. Objects in the
// table outlive the round; the first thread empties it now and then.
//
// Stresses everything at once: a bit of each, with start and end of threads. Differs from the
// original: objects are marked in the first word instead of filled with a checked pattern, so that
// the allocator is what is measured, and other odds for sizes.
//
//   mstress [threads rounds allocations]
//
// `allocations` for each thread and round.

#include "common/object.h"

#include <stdatomic.h>

enum { TABLE_SLOTS = 1000, ROUNDS_UNTIL_EMPTIED = 5 };

struct stress {
    uint64_t allocation_count;
    unsigned round;
    _Atomic(void *) table[TABLE_SLOTS];
};

struct vector {
    void **objects;
    uint32_t count;
    uint32_t capacity;
};

// 1 to 16 words; now and then ten, a hundred and a thousand times that.
static size_t
random_bytes(struct bench_random *random)
{
    uint64_t bits = bench_random_next(random);
    size_t bytes = 8 * (1 + (bits & 15));
    uint32_t luck = bench_scale((uint32_t)(bits >> 32), 5000);

    if (luck == 0) {
        return 1000 * bytes;
    }
    return luck < 5 ? 100 * bytes : luck < 55 ? 10 * bytes : bytes;
}

static void
vector_add(struct vector *vector, void *object)
{
    if (vector->count == vector->capacity) {
        vector->capacity = vector->capacity == 0 ? 16 : 2 * vector->capacity;
        vector->objects = realloc(vector->objects, vector->capacity * sizeof(void *));
        if (vector->objects == NULL) {
            bench_die("realloc");
        }
    }
    vector->objects[vector->count++] = object;
}

static void
vector_free(struct vector *vector)
{
    for (uint32_t i = 0; i < vector->count; i++) {
        object_free(vector->objects[i]);
    }
    free(vector->objects);
}

static void
free_one_of(struct vector *vector, uint64_t bits)
{
    if (vector->count != 0) {
        void **slot = &vector->objects[bench_scale((uint32_t)bits, vector->count)];
        object_free(*slot);
        *slot = vector->objects[--vector->count];
    }
}

static void
swap_one_of(struct vector *vector, struct stress *stress, uint64_t bits)
{
    if (vector->count != 0) {
        void **slot = &vector->objects[bench_scale((uint32_t)bits, vector->count)];
        uint32_t place = bench_scale((uint32_t)(bits >> 32), TABLE_SLOTS);
        void *other = atomic_exchange_explicit(&stress->table[place], *slot, memory_order_acq_rel);
        *slot = other != NULL ? other : vector->objects[--vector->count];
    }
}

static void
empty_table(struct stress *stress)
{
    for (unsigned i = 0; i < TABLE_SLOTS; i++) {
        void *object = atomic_exchange_explicit(&stress->table[i], NULL, memory_order_acq_rel);
        if (object != NULL) {
            object_free(object);
        }
    }
}

static void
work(void *context, unsigned index)
{
    struct stress *stress = context;
    struct bench_random random;
    struct vector data = {0};
    struct vector retained = {0};

    bench_random_start(&random, (uint64_t)stress->round << 16 | index);
    if (index == 0 && stress->round % ROUNDS_UNTIL_EMPTIED == 0) {
        empty_table(stress);
    }
    for (uint64_t left = stress->allocation_count; left != 0;) {
        uint64_t bits = bench_random_next(&random);
        switch (bits >> 60) {
        case 0:
        case 1:
            vector_add(&retained, object_new(random_bytes(&random)));
            left--;
            break;
        case 2:
        case 3:
        case 4:
        case 5:
            free_one_of(&data, bits);
            break;
        case 6:
        case 7:
        case 8:
        case 9:
            swap_one_of(&data, stress, bits << 4);
            break;
        default:
            vector_add(&data, object_new(random_bytes(&random)));
            left--;
        }
    }
    vector_free(&retained);
    vector_free(&data);
}

int
main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 2, 1);
    unsigned rounds = (unsigned)bench_argument(argc, argv, 2, 50, 1);
    struct stress *stress = bench_map(sizeof *stress);

    stress->allocation_count = bench_argument(argc, argv, 3, 100000, 1);
    for (stress->round = 0; stress->round < rounds; stress->round++) {
        bench_parallel(threads, work, stress);
    }
    empty_table(stress);
    return 0;
}
