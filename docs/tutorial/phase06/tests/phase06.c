// SPDX-License-Identifier: MIT
//
// Phase VI: what another thread has allocated is freed without waiting for anybody, and nothing of
// it is lost, torn or given out twice.

#include "holder.h"
#include "memory.h"

enum { OBJECTS = 1000, MESSAGES = 300000, PRODUCERS = 2, CONSUMERS = 2, QUEUE = 64 };

static char *object[OBJECTS];

static void *
test_allocate(void *unused)
{
    (void)unused;
    for (int i = 0; i < OBJECTS; i++) {
        object[i] = malloc(100);
    }
    return NULL;
}

// What the process does in which a thread holds the lock.
static void
test_free_meanwhile(void)
{
    pthread_t thread;

    if (malloc(100) == NULL || pthread_create(&thread, NULL, test_allocate, NULL) != 0) {
        _exit(1);
    }
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        sched_yield(); // who slept here would be taken for one that waits for the lock
    }
    holder_begin();
    for (int i = 0; i < OBJECTS; i++) {
        free(object[i]);
    }
    _exit(0);
}

static void
test_without_lock(void)
{
    pid_t child = fork();

    if (child == 0) {
        test_free_meanwhile();
    }
    enum holder_ending ending = holder_ending(child);
    require(ending != HOLDER_SLEEPS, "a thread that frees what another has allocated waits");
    require(ending == HOLDER_ENDS, "a thread that frees what another has allocated dies");
    show("a thread frees what another has allocated while a third holds the lock");
}

// --- Producers allocate, consumers free ---------------------------------------------------------

static _Atomic(unsigned char *) queue[QUEUE];
static atomic_int sent, received;

static unsigned char
test_mark(size_t bytes)
{
    return (unsigned char)(bytes * 7 + 1);
}

static void *
test_produce(void *number)
{
    unsigned seed = (unsigned)(size_t)number;

    while (atomic_fetch_add(&sent, 1) < MESSAGES) {
        seed = seed * 1103515245 + 12345;
        size_t bytes = 2 + seed / 65536 % 200;
        unsigned char *p = malloc(bytes);
        memset(p, test_mark(bytes), bytes);
        p[0] = (unsigned char)bytes;
        unsigned char *empty = NULL;
        for (size_t at = seed % QUEUE; !atomic_compare_exchange_weak(&queue[at], &empty, p);) {
            at = (at + 1) % QUEUE;
            empty = NULL;
            sched_yield();
        }
    }
    return NULL;
}

static void *
test_consume(void *number)
{
    for (size_t at = (size_t)number; atomic_load(&received) < MESSAGES; at++) {
        unsigned char *p = atomic_exchange(&queue[at % QUEUE], NULL);
        if (p == NULL) {
            sched_yield();
            continue;
        }
        for (size_t i = 1; i < p[0]; i++) {
            require(p[i] == test_mark(p[0]), "an object of %u bytes has changed on its way", p[0]);
        }
        free(p);
        atomic_fetch_add(&received, 1);
    }
    return NULL;
}

static void
test_messages(void)
{
    pthread_t thread[PRODUCERS + CONSUMERS];
    size_t before = memory_kib(MEMORY_RESIDENT);

    for (size_t i = 0; i < PRODUCERS + CONSUMERS; i++) {
        require(pthread_create(&thread[i], NULL, i < PRODUCERS ? test_produce : test_consume,
                               (void *)(i * 1000 + 1)) == 0,
                "no thread");
    }
    for (size_t i = 0; i < PRODUCERS + CONSUMERS; i++) {
        pthread_join(thread[i], NULL);
    }
    require(memory_kib(MEMORY_RESIDENT) < before + 16384, "%d messages have left %zu KiB", MESSAGES,
            memory_kib(MEMORY_RESIDENT) - before);
    show("%d objects come from one thread and go in another", MESSAGES);
}

int
main(void)
{
    test_without_lock();
    test_messages();
    return 0;
}
