// SPDX-License-Identifier: MIT
//
// Threads exit and leave live objects behind; others free them, and adopt what is left of the
// blocks. Reason: the objects of a dead thread must stay valid, must be freeable by anyone, and
// their blocks must serve again: a program that makes a thread for each request would otherwise
// grow for ever.

#include "apex.h"
#include "../support/expect.h"

#define GENERATIONS (UNDER_TSAN ? 40 : 400)
#define PARALLEL 4
#define OBJECTS 2000
#define KEPT 3 // of these one in so many is left behind by its thread

struct parcel {
    void *object[OBJECTS];
    unsigned size[OBJECTS];
};

static struct parcel parcels[2][PARALLEL]; // left behind by the last generation, and by this one

static unsigned
object_size(unsigned i)
{
    return 8 + (i * 37) % 600;
}

// Frees what a dead thread has left, then makes as much, and dies with a third of it alive.
static void *
generation_main(void *argument)
{
    struct parcel *mine = argument;
    struct parcel *inherited = mine >= parcels[1] ? mine - PARALLEL : mine + PARALLEL;

    for (unsigned i = 0; i < OBJECTS; i++) {
        if (inherited->object[i] != NULL) {
            pattern_expect(inherited->object[i], inherited->size[i]);
            apex_free(inherited->object[i]);
            inherited->object[i] = NULL;
        }
        mine->size[i] = object_size(i);
        mine->object[i] = apex_malloc(mine->size[i]);
        expect(mine->object[i] != NULL);
        pattern_fill(mine->object[i], mine->size[i]);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (i % KEPT != 0) {
            pattern_expect(mine->object[i], mine->size[i]);
            apex_free(mine->object[i]);
            mine->object[i] = NULL;
        }
    }
    return NULL;
}

static void
generation(struct parcel *row)
{
    pthread_t threads[PARALLEL];

    for (unsigned i = 0; i < PARALLEL; i++) {
        threads[i] = thread_start(generation_main, &row[i]);
    }
    for (unsigned i = 0; i < PARALLEL; i++) {
        thread_join(threads[i]);
    }
}

int
main(void)
{
    struct apex_stats early = {.size_bytes = sizeof early};
    struct apex_stats late = {.size_bytes = sizeof late};

    for (unsigned g = 0; g < GENERATIONS; g++) {
        generation(parcels[g % 2]);
        if (g == GENERATIONS / 4) {
            expect(apex_stats_get(&early) == 0);
        }
    }
    expect(apex_stats_get(&late) == 0);
    expect_at_most(late.active_bytes, early.active_bytes + (4u << 20));
    // How threads meet varies: up to two superblocks more, with 64 KiB of metadata each, and a few
    // heaps.
    expect_at_most(late.mapped_bytes, early.mapped_bytes + (8u << 20));
    expect_at_most(late.metadata_bytes, early.metadata_bytes + (2 * 64u << 10) + (32u << 10));
    for (unsigned i = 0; i < 2 * PARALLEL; i++) {
        struct parcel *p = &parcels[0][0] + i;
        for (unsigned k = 0; k < OBJECTS; k++) {
            apex_free(p->object[k]);
        }
    }
    return 0;
}
