// SPDX-License-Identifier: MIT
//
// Phase X: random calls against a shadow, refused calls to the kernel, every interleaving of a
// small protocol; and after each the question whether the heap is whole.

#include "test.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { OBJECTS = 400, CALLS = 60000, REFUSALS_MAX = 200, RETURNED = 1000 };

const char *tiny_audit(void) __attribute__((weak));
void tiny_refuse(unsigned n) __attribute__((weak));

static void
test_whole(const char *after)
{
    const char *wrong = tiny_audit();

    require(wrong == NULL, "after %s: %s", after, wrong);
}

// --- Random calls against a shadow
// ----------------------------------------------------------------

// What the test knows of each object: where it is, how large, and what is in it.
static struct shadow {
    unsigned char *p;
    size_t bytes;
    unsigned char mark;
} shadow[OBJECTS];

static uint32_t seed = 1;

static uint32_t
test_random(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static size_t
test_size(void)
{
    switch (test_random(20)) {
    case 0:
        return 16000 + test_random(200000);
    case 1:
        return test_random(40) == 0 ? 2500000 : 4096;
    default:
        return test_random(2000);
    }
}

static void
test_contents(const struct shadow *s, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        require(s->p[i] == s->mark, "byte %zu of an object of %zu bytes has changed", i, s->bytes);
    }
}

static void
test_fill(struct shadow *s, unsigned char *p, size_t bytes, uint32_t number)
{
    require(p != NULL, "no memory");
    require((uintptr_t)p % 16 == 0, "an object of %zu bytes is not aligned", bytes);
    require(malloc_usable_size(p) >= bytes, "%zu bytes get a chunk of %zu", bytes,
            malloc_usable_size(p));
    *s = (struct shadow){p, bytes, (unsigned char)number};
    memset(p, s->mark, bytes);
}

static void
test_call(uint32_t number)
{
    struct shadow *s = &shadow[test_random(OBJECTS)];
    size_t bytes = test_size();

    if (s->p == NULL) {
        unsigned char *p = number % 3 == 0 ? calloc(1, bytes) : malloc(bytes);
        for (size_t i = 0; i < bytes && number % 3 == 0; i++) {
            require(p[i] == 0, "calloc gives memory that is not zero");
        }
        test_fill(s, p, bytes, number);
    } else if (test_random(3) == 0 && bytes > 0) {
        unsigned char *p = realloc(s->p, bytes);
        s->p = p;
        test_contents(s, bytes < s->bytes ? bytes : s->bytes);
        test_fill(s, p, bytes, number);
    } else {
        test_contents(s, s->bytes);
        free(s->p);
        s->p = NULL;
    }
}

static void
test_shadow(void)
{
    for (uint32_t number = 0; number < CALLS; number++) {
        test_call(number);
        if (number % 1000 == 0) {
            test_whole("random calls");
        }
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        free(shadow[i].p);
        shadow[i].p = NULL;
    }
    test_whole("random calls");
    show("%d random calls agree with a shadow, and the heap is whole", CALLS);
}

// --- What others return
// ---------------------------------------------------------------------------

static void *returned[RETURNED];

static void *
test_return(void *unused)
{
    (void)unused;
    for (int i = 0; i < RETURNED; i++) {
        free(returned[i]);
    }
    return NULL;
}

static void
test_others(void)
{
    pthread_t thread;

    for (int i = 0; i < RETURNED; i++) {
        returned[i] = malloc(300);
    }
    require(pthread_create(&thread, NULL, test_return, NULL) == 0, "no thread");
    pthread_join(thread, NULL);
    test_whole("another thread's frees");
    show("what another thread has freed is on its way home, all of it");
}

// --- Refused calls
// --------------------------------------------------------------------------------

// A few requests that need the kernel. Each may fail, if it says so. Returns whether one has.
static bool
test_needy(void)
{
    static const size_t sizes[] = {16, 20000, 900000, 1900000, 2000000, 9000000, 30};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    unsigned char *p[COUNT];
    bool failed = false;

    for (size_t i = 0; i < COUNT; i++) {
        errno = 0;
        p[i] = malloc(sizes[i]);
        require(p[i] != NULL || errno == ENOMEM, "no memory, and errno is %d", errno);
        failed = failed || p[i] == NULL;
        if (p[i] != NULL) {
            memset(p[i], (int)i, sizes[i]);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        require(p[i] == NULL || p[i][sizes[i] - 1] == i, "an object has changed");
        free(p[i]);
    }
    return failed;
}

static void
test_refusals(void)
{
    unsigned n = 1;

    for (; n < REFUSALS_MAX; n++) {
        tiny_refuse(n);
        bool failed = test_needy();
        tiny_refuse(0);
        test_whole("a refused call");
        if (!failed) {
            break; // there are not so many calls
        }
    }
    require(n > 3 && n < REFUSALS_MAX, "%u calls were refused", n - 1);
    show("each call to the kernel may be refused once");
}

// --- Every interleaving of remote_push() and remote_take_all()
// -------------------------------------

// Two threads push a chunk each, in three steps: look at the first, link to it, exchange if it is
// still the same. The owner takes all, twice. Chunks are numbers; 0 is the end.
struct model {
    int first, next[3]; // next[chunk]
    int seen[2];        // what each pusher has looked at
    int step[2];        // 0 look, 1 link, 2 exchange, 3 done
    int takes;          // that the owner has still to do
    int got[3];         // how often each chunk has been taken
};

static bool exchange_in_two; // a mistake: to compare and to store are two steps

static bool
model_push(struct model *m, int who)
{
    int chunk = who + 1;

    switch (m->step[who]++) {
    case 0:
        m->seen[who] = m->first;
        return true;
    case 1:
        m->next[chunk] = m->seen[who];
        return true;
    case 2:
        if (!exchange_in_two) {
            m->step[who] = m->first == m->seen[who] ? 4 : 0;
            m->first = m->step[who] == 4 ? chunk : m->first;
        } else if (m->first != m->seen[who]) {
            m->step[who] = 0;
        }
        return true;
    case 3:
        m->first = chunk;
        return true;
    default:
        m->step[who]--;
        return false;
    }
}

static void
model_take(struct model *m)
{
    for (int at = m->first; at != 0; at = m->next[at]) {
        m->got[at]++;
    }
    m->first = 0;
}

// How many of all ways to go on end with a chunk that was not taken exactly once.
static unsigned
model_explore(struct model m, unsigned *ways)
{
    unsigned wrong = 0;
    bool over = true;

    for (int who = 0; who < 2; who++) {
        struct model other = m;
        if (model_push(&other, who)) {
            wrong += model_explore(other, ways);
            over = false;
        }
    }
    if (m.takes > 0) {
        struct model other = m;
        other.takes--;
        model_take(&other);
        wrong += model_explore(other, ways);
        over = false;
    }
    if (over) {
        ++*ways;
        model_take(&m); // what is left
        wrong += m.got[1] == 1 && m.got[2] == 1 ? 0 : 1;
    }
    return wrong;
}

static void
test_interleavings(void)
{
    unsigned ways = 0, ways_wrong = 0;
    struct model start = {.takes = 2};

    exchange_in_two = false;
    require(model_explore(start, &ways) == 0, "the protocol loses chunks");
    exchange_in_two = true;
    require(model_explore(start, &ways_wrong) > 0, "the model does not find a mistake");
    show("%u interleavings lose nothing; with the exchange in two steps some do", ways);
}

int
main(void)
{
    require(tiny_audit != NULL && tiny_refuse != NULL, "nobody can say whether the heap is whole");
    test_whole("nothing");
    test_shadow();
    test_others();
    test_refusals();
    test_interleavings();
    return 0;
}
