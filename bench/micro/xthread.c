// SPDX-License-Identifier: MIT
//
// Objects allocated by one thread and freed by another: pipelines, queues, asynchronous servers.
//
// Idea: the producer and consumer of xmalloc-test (Lever and Boreham, "malloc() performance in a
// multithreaded Linux environment", 2000). `ring` hands single objects over a bounded ring, so both
// threads run all the time; in `batch` they take turns, 100 000 objects at a time, so that nothing
// but the allocator is shared: the first thread allocates, the second frees.
//
//   xthread ring MIN MAX COUNT
//   xthread batch MIN MAX COUNT ROUNDS

#include "common/choice.h"
#include "common/object.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define RING_SLOTS 1024u // a power of two
#define SPIN_COUNT 100
#define LINE_BYTES 64

static const char *const mode_names[] = {"ring", "batch", NULL};

enum {
    PRODUCER,
    CONSUMER,
    BOTH,
};

// Each side writes one line of its own, and looks at the other's only when its last view says
// that the ring is full or empty: the ring costs little beside what passes through it.
struct ring {
    _Alignas(LINE_BYTES) atomic_size_t written;
    _Alignas(LINE_BYTES) atomic_size_t read;
    _Alignas(LINE_BYTES) void *objects[RING_SLOTS];
    size_t min;
    size_t max;
    size_t count;
};

static void
pause_a_moment(unsigned *spins)
{
    if (++*spins >= SPIN_COUNT) {
        *spins = 0;
        sched_yield();
    }
}

static void
produce(struct ring *ring)
{
    struct bench_random random;
    size_t read = 0;
    unsigned spins = 0;

    bench_random_start(&random, 1);
    for (size_t i = 0; i < ring->count; i++) {
        size_t bytes = choose_size(&random, ring->min, ring->max);
        void *p = object_new(bytes);
        while (i - read >= RING_SLOTS) {
            read = atomic_load_explicit(&ring->read, memory_order_acquire);
            if (i - read >= RING_SLOTS) {
                pause_a_moment(&spins);
            }
        }
        ring->objects[i % RING_SLOTS] = p;
        atomic_store_explicit(&ring->written, i + 1, memory_order_release);
    }
}

static void
consume(struct ring *ring)
{
    size_t written = 0;
    unsigned spins = 0;

    for (size_t i = 0; i < ring->count; i++) {
        while (written == i) {
            written = atomic_load_explicit(&ring->written, memory_order_acquire);
            if (written == i) {
                pause_a_moment(&spins);
            }
        }
        object_free(ring->objects[i % RING_SLOTS]);
        atomic_store_explicit(&ring->read, i + 1, memory_order_release);
    }
}

static void
ring_side(void *context, unsigned thread)
{
    if (thread == PRODUCER) {
        produce(context);
    } else {
        consume(context);
    }
}

static void
run_ring(size_t min, size_t max, size_t count)
{
    struct ring *ring = bench_map(sizeof *ring);

    ring->min = min;
    ring->max = max;
    ring->count = count;
    uint64_t time_ns = bench_parallel(BOTH, ring_side, ring);
    bench_metric("time", (double)time_ns / (double)count, "ns", false);
}

struct batch {
    size_t min;
    size_t max;
    size_t count;
    size_t rounds;
    void **objects;
    pthread_barrier_t turn;
};

static void
batch_side(void *context, unsigned thread)
{
    struct batch *batch = context;
    struct bench_random random;

    bench_random_start(&random, 1);
    for (size_t round = 0; round < batch->rounds; round++) {
        for (size_t i = 0; i < batch->count && thread == PRODUCER; i++) {
            size_t bytes = choose_size(&random, batch->min, batch->max);
            batch->objects[i] = object_new(bytes);
        }
        pthread_barrier_wait(&batch->turn);
        for (size_t i = 0; i < batch->count && thread == CONSUMER; i++) {
            object_free(batch->objects[i]);
        }
        pthread_barrier_wait(&batch->turn);
    }
}

static void
run_batch(size_t min, size_t max, size_t count, size_t rounds)
{
    struct batch batch = {.min = min, .max = max, .count = count, .rounds = rounds};

    batch.objects = bench_map(count * sizeof *batch.objects);
    pthread_barrier_init(&batch.turn, NULL, BOTH);
    uint64_t time_ns = bench_parallel(BOTH, batch_side, &batch);
    pthread_barrier_destroy(&batch.turn);
    bench_metric("time", (double)time_ns / (double)(count * rounds), "ns", false);
}

int
main(int argc, char **argv)
{
    size_t min = bench_argument(argc, argv, 2, 64, OBJECT_MIN_BYTES);
    size_t max = bench_argument(argc, argv, 3, min, min);

    if (bench_word(argc, argv, 1, mode_names) != 0) {
        size_t count = bench_argument(argc, argv, 4, 100000, 1);
        run_batch(min, max, count, bench_argument(argc, argv, 5, 400, 1));
    } else {
        run_ring(min, max, bench_argument(argc, argv, 4, 50000000, 1));
    }
    return 0;
}
