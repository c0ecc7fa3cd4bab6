// SPDX-License-Identifier: MIT
//
// Threads in a ring: each allocates objects for the next one and frees those of the one before.
// Reason: every object dies in another thread than it was born in. Contents must survive the
// journey, and the memory must come back to its owners: the heap stays as small as what is under
// way.

#include "apex.h"
#include "../support/expect.h"

#define THREADS 4
#define ROUNDS (UNDER_TSAN ? 3000 : 60000)
#define QUEUE_SLOTS 256
#define SIZE_MAX_BYTES 2000

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void *object[QUEUE_SLOTS];
    unsigned size[QUEUE_SLOTS];
    unsigned long head;
    unsigned long tail;
};

static struct queue queues[THREADS];

static void
queue_put(struct queue *q, void *object, unsigned size)
{
    pthread_mutex_lock(&q->lock);
    while (q->head - q->tail == QUEUE_SLOTS) {
        pthread_cond_wait(&q->changed, &q->lock);
    }
    q->object[q->head % QUEUE_SLOTS] = object;
    q->size[q->head % QUEUE_SLOTS] = size;
    q->head++;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static void *
queue_get(struct queue *q, unsigned *size)
{
    void *object;

    pthread_mutex_lock(&q->lock);
    while (q->head == q->tail) {
        pthread_cond_wait(&q->changed, &q->lock);
    }
    object = q->object[q->tail % QUEUE_SLOTS];
    *size = q->size[q->tail % QUEUE_SLOTS];
    q->tail++;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return object;
}

static void *
ring_main(void *argument)
{
    size_t self = (size_t)argument;
    uint64_t state = self + 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned size;
        void *p;

        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        size = (unsigned)(state >> 33) % ((state >> 60) == 0 ? SIZE_MAX_BYTES : 100);
        p = apex_malloc(size);
        expect(p != NULL);
        pattern_fill(p, size);
        // Half a queue ahead, so that no thread waits for itself.
        queue_put(&queues[(self + 1) % THREADS], p, size);
        if (i >= QUEUE_SLOTS / 2) {
            p = queue_get(&queues[self], &size);
            pattern_expect(p, size);
            apex_free(p);
        }
    }
    for (unsigned i = 0; i < QUEUE_SLOTS / 2; i++) {
        unsigned size;
        void *p = queue_get(&queues[self], &size);
        pattern_expect(p, size);
        apex_free(p);
    }
    return NULL;
}

int
main(void)
{
    struct apex_stats stats = {.size_bytes = sizeof stats};
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        pthread_mutex_init(&queues[i].lock, NULL);
        pthread_cond_init(&queues[i].changed, NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = thread_start(ring_main, (void *)i);
    }
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
    }
    expect(apex_stats_get(&stats) == 0);
    // At most 4 * 256 objects lived at a time. A block for each class and thread is the rest.
    expect_at_most(stats.active_bytes, 24u << 20);
    return 0;
}
