// SPDX-License-Identifier: MIT
//
// A bounded queue between threads, for pointers. It blocks rather than spins: there may be more
// threads than cores. Programs put whole batches into it, so that its lock does not count.

#ifndef APEX_BENCH_COMMON_QUEUE_H
#define APEX_BENCH_COMMON_QUEUE_H

#include "common/bench.h"

#include <pthread.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t drained;
    size_t capacity;
    size_t head;
    size_t count;
    unsigned writers;
    void **items;
};

// `writers` threads will put something in, and each will call queue_close().
static inline void
queue_start(struct queue *queue, size_t capacity, unsigned writers)
{
    *queue = (struct queue){.capacity = capacity, .writers = writers};
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->filled, NULL);
    pthread_cond_init(&queue->drained, NULL);
    queue->items = bench_map(capacity * sizeof *queue->items);
}

static inline void
queue_put(struct queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity) {
        pthread_cond_wait(&queue->drained, &queue->lock);
    }
    queue->items[(queue->head + queue->count) % queue->capacity] = item;
    queue->count++;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

// The oldest item, or NULL when all writers have closed the queue and nothing is left.
static inline void *
queue_get(struct queue *queue)
{
    void *item = NULL;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && queue->writers != 0) {
        pthread_cond_wait(&queue->filled, &queue->lock);
    }
    if (queue->count != 0) {
        item = queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        queue->count--;
        pthread_cond_signal(&queue->drained);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

static inline void
queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->writers--;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

#endif
