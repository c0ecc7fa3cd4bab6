// SPDX-License-Identifier: MIT
//
// A batch of objects is allocated, then all of it freed: in the order of allocation, in reverse, or
// at random. What parsers, compilers and requests do; it shows how lists of free objects are
// refilled and emptied, and what is given back to the system in between.
//
// Idea: the three orders of Zorn and Grunwald's synthetic programs ("Evaluating models of memory
// allocation", 1994), with one size. The first batch, which faults pages in, is not timed.
//
//   batch forward|reverse|random BYTES COUNT ROUNDS

#include "common/object.h"

enum order {
    ORDER_FORWARD,
    ORDER_REVERSE,
    ORDER_RANDOM,
};

static const char *const order_names[] = {"forward", "reverse", "random", NULL};

struct batch {
    size_t bytes;
    size_t count;
    void **objects;
    uint32_t *order; // in which they are freed
};

static void
order_fill(struct batch *batch, enum order order)
{
    struct bench_random random;

    bench_random_start(&random, 1);
    for (size_t i = 0; i < batch->count; i++) {
        size_t place = order == ORDER_REVERSE ? batch->count - 1 - i : i;
        batch->order[i] = (uint32_t)place;
    }
    for (size_t i = batch->count; order == ORDER_RANDOM && i > 1; i--) {
        size_t other = bench_random_below(&random, i);
        uint32_t last = batch->order[i - 1];
        batch->order[i - 1] = batch->order[other];
        batch->order[other] = last;
    }
}

static void
round_trip(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        batch->objects[i] = object_new(batch->bytes);
    }
    for (size_t i = 0; i < batch->count; i++) {
        object_free(batch->objects[batch->order[i]]);
    }
}

int
main(int argc, char **argv)
{
    struct batch batch = {
        .bytes = bench_argument(argc, argv, 2, 64, OBJECT_MIN_BYTES),
        .count = bench_argument(argc, argv, 3, 100000, 1),
    };
    uint64_t rounds = bench_argument(argc, argv, 4, 1000, 1);

    batch.objects = bench_map(batch.count * sizeof *batch.objects);
    batch.order = bench_map(batch.count * sizeof *batch.order);
    order_fill(&batch, (enum order)bench_word(argc, argv, 1, order_names));
    round_trip(&batch);
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < rounds; i++) {
        round_trip(&batch);
    }
    double time_ns = (double)(bench_now_ns() - begin_ns);
    bench_metric("time", time_ns / ((double)batch.count * (double)rounds), "ns", false);
    return 0;
}
