// SPDX-License-Identifier: MIT
//
// One thread only allocates, the other only frees.
// Reason: the one that only frees never leaves its fast path by allocating, so nothing else makes
// it deliver; and the one that only allocates must notice what comes back. If either fails to, the
// heap grows by everything that was ever freed.

#include "apex.h"
#include "../support/expect.h"

#include <semaphore.h>

#define BATCH 512
#define ROUNDS (UNDER_TSAN ? 200 : 4000) // 4000 * 512 objects of 200 bytes: 400 MB in all

static void *objects[2][BATCH];
static sem_t full[2];
static sem_t empty[2];

static void *
free_main(void *argument)
{
    (void)argument;
    for (unsigned r = 0; r < ROUNDS; r++) {
        unsigned side = r % 2;
        while (sem_wait(&full[side]) != 0) {
        }
        for (unsigned i = 0; i < BATCH; i++) {
            pattern_expect(objects[side][i], 16);
            apex_free(objects[side][i]);
        }
        sem_post(&empty[side]);
    }
    return NULL;
}

int
main(void)
{
    struct apex_stats stats = {.size_bytes = sizeof stats};
    uint64_t highest = 0;
    pthread_t thread;

    for (unsigned side = 0; side < 2; side++) {
        sem_init(&full[side], 0, 0);
        sem_init(&empty[side], 0, 1);
    }
    thread = thread_start(free_main, NULL);
    for (unsigned r = 0; r < ROUNDS; r++) {
        unsigned side = r % 2;
        while (sem_wait(&empty[side]) != 0) {
        }
        for (unsigned i = 0; i < BATCH; i++) {
            objects[side][i] = apex_malloc(200);
            expect(objects[side][i] != NULL);
            pattern_fill(objects[side][i], 16);
        }
        sem_post(&full[side]);
        if (r % 64 == 0) {
            expect(apex_stats_get(&stats) == 0);
            highest = stats.active_bytes > highest ? stats.active_bytes : highest;
        }
    }
    thread_join(thread);
    // 200 KB are alive at a time.
    expect_at_most(highest, 4u << 20);
    return 0;
}
