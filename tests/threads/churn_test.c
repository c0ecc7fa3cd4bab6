// SPDX-License-Identifier: MIT
//
// Thousands of short-lived threads, each allocating a little of many sizes.
// Reason: starting and ending must be cheap in memory. Heaps and blocks of the dead are used again
// by the living; neither metadata nor the heap may grow with the number of threads that ever were.

#include "apex.h"
#include "../support/expect.h"

#define THREADS_TOTAL (UNDER_TSAN ? 400 : 4000)
#define PARALLEL 8
#define OBJECTS 60

static void *
churn_main(void *argument)
{
    void *p[OBJECTS];
    size_t seed = (size_t)argument;

    for (size_t i = 0; i < OBJECTS; i++) {
        size_t size = (i * i * 13 + seed) % 5000;
        p[i] = apex_malloc(size);
        expect(p[i] != NULL);
        memset(p[i], 0x5a, size);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        apex_free(p[(i * 7) % OBJECTS]);
    }
    return NULL;
}

int
main(void)
{
    struct apex_stats early = {.size_bytes = sizeof early};
    struct apex_stats late = {.size_bytes = sizeof late};
    pthread_t threads[PARALLEL];

    for (size_t n = 0; n < THREADS_TOTAL; n += PARALLEL) {
        for (size_t i = 0; i < PARALLEL; i++) {
            threads[i] = thread_start(churn_main, (void *)(n + i));
        }
        for (size_t i = 0; i < PARALLEL; i++) {
            thread_join(threads[i]);
        }
        if (n < THREADS_TOTAL / 4 && n + PARALLEL >= THREADS_TOTAL / 4) {
            expect(apex_stats_get(&early) == 0);
        }
    }
    expect(apex_stats_get(&late) == 0);
    expect(early.metadata_bytes > 0);
    expect_at_most(late.threads_count, 1);
    // What threads keep at hand, 2 MiB each at most, differs from one moment to the next.
    expect_at_most(late.active_bytes, early.active_bytes + PARALLEL * (2u << 20));
    expect_at_most(late.metadata_bytes, early.metadata_bytes + (256u << 10));
    // Nothing is alive any more; 1 MiB may be in the quarantine that threads share.
    expect_at_most(late.allocated_bytes, 2u << 20);
    return 0;
}
