// SPDX-License-Identifier: MIT
//
// A thread allocates much, then sleeps; another frees all of it.
// Reason: what is freed on behalf of a thread that does nothing must not wait until it wakes, which
// may be never (a pool of worker threads after a burst).

#include "apex.h"
#include "../support/expect.h"

#include <semaphore.h>

#define OBJECTS 200000
#define SIZE 250

static void *objects[OBJECTS];
static sem_t made;
static sem_t freed;

static void *
sleeper_main(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = apex_malloc(SIZE);
        expect(objects[i] != NULL);
    }
    sem_post(&made);
    while (sem_wait(&freed) != 0) {
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = apex_malloc(SIZE);
        expect(objects[i] != NULL);
        memset(objects[i], 1, SIZE);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    return NULL;
}

static uint64_t
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long total = 0;
    unsigned long resident = 0;

    expect(file != NULL);
    expect(fscanf(file, "%lu %lu", &total, &resident) == 2);
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

int
main(void)
{
    pthread_t thread;

    sem_init(&made, 0, 0);
    sem_init(&freed, 0, 0);
    thread = thread_start(sleeper_main, NULL);
    while (sem_wait(&made) != 0) {
    }
    uint64_t full = resident_bytes();
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    // Without any allocation: what came home is bounded like what anybody frees (dirty_floor).
    expect_at_most(resident_bytes() + (uint64_t)OBJECTS * SIZE / 2, full);
    apex_malloc_trim(0); // or half a second of anybody's allocations
    expect_at_most(resident_bytes() + (uint64_t)OBJECTS * SIZE / 8 * 7, full);
    // It wakes, finds its blocks as new, and can use them again.
    sem_post(&freed);
    thread_join(thread);
    return 0;
}
