// SPDX-License-Identifier: MIT
//
// How far the statistics may be off: several threads allocate and free objects of random sizes,
// also those of other threads; then all stand still, and the figures are held against what the test
// knows and against a walk. Also built with the hardened library.
// Reason: a figure whose error nobody knows is worth nothing to whoever has to act on it.

#include "apex.h"
#include "core/size_class.h"
#include "policy/config.h"
#include "policy/heaps.h"
#include "view/stats.h"

#include "../support/expect.h"

#define THREADS 4
#define OBJECTS 20000
#define ROUNDS (UNDER_TSAN ? 2 : 8)
#define SIZE_MAX_BYTES 3000

static void *objects[THREADS][OBJECTS];
static pthread_barrier_t barrier;

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void
change(uint32_t *random, unsigned owner, unsigned i)
{
    if (objects[owner][i] != NULL) {
        apex_free(objects[owner][i]);
        objects[owner][i] = NULL;
        return;
    }
    // Most are small, a few are runs or mappings of their own.
    size_t size = 1 + next_random(random) % SIZE_MAX_BYTES;
    size = i % 1000 == 999 ? size * 700 : i % 100 == 99 ? size * 30 : size;
    objects[owner][i] = apex_malloc(size);
    expect(objects[owner][i] != NULL);
    memset(objects[owner][i], 0xa5, 1);
}

struct total {
    uint64_t bytes;
    uint64_t count;
};

static int
add_object(const struct apex_object *object, void *context)
{
    struct total *total = context;

    total->bytes += object->granted_bytes;
    total->count++;
    return 0;
}

static uint64_t
live_count(void)
{
    uint64_t count = 0;

    for (unsigned t = 0; t < THREADS; t++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            count += objects[t][i] != NULL;
        }
    }
    return count;
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

// The bound of apex-stats(7), from the same totals.
static uint64_t
bound(const struct stats_totals *totals)
{
    uint64_t classes = 0;

    for (unsigned c = 0; c < CLASS_RUN; c++) {
        classes += totals->threads.class[c].live_gained != 0;
    }
    uint64_t waiting = totals->threads.remote_sent - totals->threads.remote_received;
    uint64_t batches = THREADS * (uint64_t)(BATCH_SLOTS + PARKED_MAX) * BATCH_BYTES_MAX;
    uint64_t quarantine = PROFILE_QUARANTINE ? THREADS * config_get()->quarantine * 8 : 0;
    return (THREADS + 1) * classes * BLOCK_BYTES + totals->process.active / 8 +
           waiting * BLOCK_BYTES / 2 + batches + quarantine;
}

static uint64_t others; // objects of the test program itself

static void
compare(const char *when, bool exact)
{
    struct stats_totals totals;
    struct total total = {0, 0};

    stats_sum(&totals);
    expect(apex_walk(add_object, &total) == 0);
    expect(total.count == live_count() + others);
    uint64_t off = distance(totals.allocated_bytes, total.bytes);
    printf("%s: walk %lu in %lu objects, allocated %lu, off by %lu of at most %lu\n", when,
           (unsigned long)total.bytes, (unsigned long)total.count,
           (unsigned long)totals.allocated_bytes, (unsigned long)off,
           exact ? 0 : (unsigned long)bound(&totals));
    expect_at_most(off, exact ? 0 : bound(&totals));
    expect(totals.process.active >= total.bytes);
}

static void
stand_still(unsigned self, const char *when, bool exact)
{
    pthread_barrier_wait(&barrier);
    if (self == 0) {
        compare(when, exact);
    }
    pthread_barrier_wait(&barrier);
}

// What a quarantine has waits until it is flushed.
static void
publish_alone(void)
{
    if (PROFILE_QUARANTINE) {
        expect(apex_ctl("thread.flush", NULL, NULL, NULL, 0) == 0);
    }
    expect(apex_ctl("stats.publish", NULL, NULL, NULL, 0) == 0);
}

// Everybody delivers, then everybody takes what was delivered.
static void
publish(void)
{
    for (unsigned round = 0; round < 2; round++) {
        publish_alone();
        pthread_barrier_wait(&barrier);
    }
}

static void *
thread_main(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint32_t random = 4711 + self;

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned n = 0; n < OBJECTS; n++) {
            change(&random, self, next_random(&random) % OBJECTS);
        }
    }
    stand_still(self, "own objects", false);
    publish();
    stand_still(self, "own objects, published", true);
    for (unsigned round = 1; round < THREADS; round++) {
        // Nobody else is at the objects of that one.
        unsigned owner = (self + round) % THREADS;
        for (unsigned n = 0; n < OBJECTS; n++) {
            change(&random, owner, next_random(&random) % OBJECTS);
        }
        stand_still(self, "others' objects", false);
    }
    publish();
    stand_still(self, "others' objects, published", true);
    return NULL;
}

int
main(void)
{
    pthread_t thread[THREADS];
    struct total total = {0, 0};

    setvbuf(stdout, NULL, _IONBF, 0); // its buffer would be an object
    apex_free(apex_malloc(1));
    publish_alone();
    expect(apex_walk(add_object, &total) == 0);
    others = total.count;
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        expect(pthread_create(&thread[i], NULL, thread_main, (void *)(uintptr_t)i) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    compare("all threads have ended", false);
    return 0;
}
