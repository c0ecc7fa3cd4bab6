// SPDX-License-Identifier: MIT
//
// Judges an arena by what libapex says of its heap: how many objects and bytes an arena takes
// there, and whether nothing is left when it is closed. Each call that allocates comes through here
// (--wrap), and may be refused.

#include "arena.h"
#include "steps.h"

#include <apex.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { MANY = 100000, SMALL = 1000, PARTS_MAX = 64, SMALL_BYTES_MAX = 1024 };
enum { THREADS = 4, ROUNDS = 40, EACH = 8000, ROUND_PERCENT_MAX = 300 };
enum { STOPS = 60, STOP_NS = 100000 }; // in a round, and how long
enum { OVERHEAD_PERCENT = 25, REFUSALS = 40, CALLS = 200, STEPS_MAX = 160 };

void *__real_apex_malloc(size_t size);
void *__real_apex_calloc(size_t count, size_t size);
void *__real_apex_aligned_alloc(size_t align, size_t size);

static long refused = -1; // this call, from now on; negative: none
static atomic_bool linger;

static bool
accept_refuses(void)
{
    if (refused < 0 || refused-- > 0) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

// Threads that ask for blocks at once shall meet here.
static void
accept_linger(void)
{
    if (atomic_load(&linger)) {
        nanosleep(&(struct timespec){.tv_nsec = STOP_NS}, NULL);
    }
}

void *
__wrap_apex_malloc(size_t size)
{
    accept_linger();
    return accept_refuses() ? NULL : __real_apex_malloc(size);
}

void *
__wrap_apex_calloc(size_t count, size_t size)
{
    accept_linger();
    return accept_refuses() ? NULL : __real_apex_calloc(count, size);
}

void *
__wrap_apex_aligned_alloc(size_t align, size_t size)
{
    accept_linger();
    return accept_refuses() ? NULL : __real_apex_aligned_alloc(align, size);
}

// --- What libapex has ----------------------------------------------------------------------------

struct held {
    size_t objects, bytes;
};

static int
accept_visit(const struct apex_object *object, void *held)
{
    ((struct held *)held)->objects++;
    ((struct held *)held)->bytes += object->granted_bytes;
    return 0;
}

// All that lives in this process.
static struct held
accept_held(void)
{
    struct held held = {0, 0};

    require(apex_walk(accept_visit, &held) == 0, "apex_walk fails");
    return held;
}

static void
accept_nothing_left(struct held before, const char *what)
{
    struct held now = accept_held();

    require(now.objects == before.objects, "%zd objects of libapex are left of %s",
            (ssize_t)(now.objects - before.objects), what);
}

// What lives more than before is at most `parts` objects, and little more than `asked` bytes.
static void
accept_few(struct held before, size_t parts, size_t asked, const char *what)
{
    struct held now = accept_held();
    size_t bytes = now.bytes - before.bytes;

    require(now.objects - before.objects <= parts, "%s are %zu objects of libapex; %zu are allowed",
            what, now.objects - before.objects, parts);
    require(bytes <= asked + asked * OVERHEAD_PERCENT / 100,
            "%s of %zu KiB take %zu KiB; %d %% more are allowed", what, asked / 1024, bytes / 1024,
            OVERHEAD_PERCENT);
}

// --- Objects -------------------------------------------------------------------------------------

struct object {
    struct object *next;
    size_t bytes; // of all of it
    unsigned char fill[];
};

static struct object *
accept_object(struct arena *arena, size_t bytes, struct object *next)
{
    struct object *o = arena_alloc(arena, bytes, 8);

    require(o != NULL, "there is no memory for %zu bytes", bytes);
    require((uintptr_t)o % 8 == 0, "an object is not at a multiple of 8");
    o->next = next;
    o->bytes = bytes;
    memset(o->fill, (int)bytes, bytes - sizeof *o);
    return o;
}

// All objects of a list are as they were made; returns how many they are.
static size_t
accept_whole(const struct object *o)
{
    size_t count = 0;

    for (; o != NULL; o = o->next, count++) {
        for (size_t at = 0; at < o->bytes - sizeof *o; at++) {
            require(o->fill[at] == (unsigned char)o->bytes, "an object has changed: it has memory "
                                                            "in common with another one");
        }
    }
    return count;
}

static size_t
accept_bytes(const struct object *o)
{
    size_t bytes = 0;

    for (; o != NULL; o = o->next) {
        bytes += o->bytes;
    }
    return bytes;
}

static size_t
accept_next(size_t *random)
{
    *random = *random * 1103515245 + 12345;
    return *random >> 16;
}

static void
accept_many(void)
{
    struct held before = accept_held();
    struct arena *arena = arena_open();
    struct object *list = NULL;
    size_t random = 1, asked = 0;

    require(arena != NULL, "arena_open gives no arena");
    for (int i = 0; i < MANY; i++) {
        size_t bytes = sizeof *list + accept_next(&random) % 200;
        list = accept_object(arena, bytes, list);
        asked += bytes;
    }
    require(accept_whole(list) == MANY, "objects are lost");
    accept_few(before, PARTS_MAX, asked, "100000 objects of an arena");
    arena_close(arena);
    accept_nothing_left(before, "an arena with 100000");
}

// Some objects that are larger than many small ones together.
static void
accept_mixed(void)
{
    struct held before = accept_held();
    struct arena *arena = arena_open();
    struct object *list = NULL;
    size_t asked = 0;

    for (int i = 0; i < SMALL; i++) {
        size_t bytes = i % 10 == 9 ? 300000 + (size_t)i : 40;
        list = accept_object(arena, bytes, list);
        asked += bytes;
    }
    require(accept_whole(list) == SMALL, "objects are lost");
    accept_few(before, 2 * PARTS_MAX, asked, "small and large objects of an arena");
    arena_close(arena);
    accept_nothing_left(before, "an arena with large objects");
}

static void
accept_small(void)
{
    static struct arena *arena[SMALL];
    struct held before = accept_held();

    for (int i = 0; i < SMALL; i++) {
        arena[i] = arena_open();
        for (int o = 0; o < 5; o++) {
            accept_object(arena[i], 40, NULL);
        }
    }
    struct held now = accept_held();
    size_t bytes = (now.bytes - before.bytes) / SMALL;
    require(bytes <= SMALL_BYTES_MAX, "an arena with 200 bytes takes %zu; %d are allowed", bytes,
            SMALL_BYTES_MAX);
    for (int i = 0; i < SMALL; i++) {
        arena_close(arena[i]);
    }
    accept_nothing_left(before, "1000 small arenas");
}

static void
accept_aligned(void)
{
    struct held before = accept_held();
    struct arena *arena = arena_open();
    size_t random = 1;

    for (int i = 0; i < SMALL; i++) {
        size_t align = (size_t)1 << i % 13;
        size_t bytes = accept_next(&random) % 100;
        char *p = arena_alloc(arena, bytes, align);
        require(p != NULL, "there is no memory for %zu bytes at a multiple of %zu", bytes, align);
        require((uintptr_t)p % align == 0, "an object is not at a multiple of %zu", align);
        memset(p, 1, bytes);
    }
    arena_close(arena);
    accept_nothing_left(before, "an arena with aligned objects");
}

// --- The end -------------------------------------------------------------------------------------

enum { FINISHES = 100 };

static int finished;

static void
accept_finish(void *number)
{
    require(*(int *)number == FINISHES - 1 - finished,
            "arena_close calls function %d as number %d; the last comes first", *(int *)number,
            finished);
    finished++;
}

static void
accept_finishes(void)
{
    struct held before = accept_held();
    struct arena *arena = arena_open();

    for (int i = 0; i < FINISHES; i++) {
        int *number = arena_alloc(arena, sizeof *number, sizeof *number);
        *number = i;
        require(arena_on_close(arena, accept_finish, number), "arena_on_close fails");
        accept_object(arena, 10000, NULL);
    }
    arena_close(arena);
    require(finished == FINISHES, "arena_close calls %d functions of %d", finished, FINISHES);
    accept_nothing_left(before, "an arena with functions");
}

// --- No memory -----------------------------------------------------------------------------------

static void
accept_not_called(void *argument)
{
    ++*(int *)argument;
}

// An arena whose call number `refusal` to libapex fails.
static void
accept_refusal(int refusal)
{
    struct held before = accept_held();
    struct object *list = NULL;
    int calls = 0, wanted = 0;

    refused = refusal;
    struct arena *arena = arena_open();
    require(arena != NULL || errno == ENOMEM, "arena_open fails, and errno is %d", errno);
    for (size_t i = 0; arena != NULL && i < 400; i++) {
        size_t bytes = sizeof *list + (i % 50 == 49 ? 100000 : i * 10);
        errno = 0;
        struct object *o = arena_alloc(arena, bytes, 8);
        require(o != NULL || errno == ENOMEM, "arena_alloc fails, and errno is %d", errno);
        if (o != NULL) {
            o->next = list;
            o->bytes = bytes;
            memset(o->fill, (int)bytes, bytes - sizeof *o);
            list = o;
        }
        wanted += arena_on_close(arena, accept_not_called, &calls);
    }
    refused = -1;
    accept_whole(list);
    if (arena != NULL) {
        accept_object(arena, 1000, NULL);
        arena_close(arena);
    }
    require(calls == wanted, "%d functions are called, %d were registered", calls, wanted);
    accept_nothing_left(before, "an arena that was refused memory once");
}

static void
accept_too_large(void)
{
    struct held before = accept_held();
    struct arena *arena = arena_open();
    volatile size_t none = 0;

    for (size_t less = 0; less < 5000; less += 7) {
        errno = 0;
        require(arena_alloc(arena, none - 1 - less, 16) == NULL && errno == ENOMEM,
                "SIZE_MAX - %zu bytes are given, or errno is not ENOMEM", less);
    }
    arena_close(arena);
    accept_nothing_left(before, "an arena that was asked for too much");
}

// --- Threads -------------------------------------------------------------------------------------

struct worker {
    pthread_t thread;
    struct object *list; // of the round
    size_t number;
};

static struct worker worker[THREADS];
static struct arena *shared;           // of the round
static pthread_barrier_t round_change; // main and all workers
static atomic_int finishes;

static void
accept_count(void *count)
{
    atomic_fetch_add((atomic_int *)count, 1);
}

static void *
accept_work(void *argument)
{
    struct worker *me = argument;

    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&round_change);
        me->list = NULL;
        for (size_t i = 0; i < EACH; i++) {
            size_t bytes = sizeof *me->list + (i + me->number) % 4 * 8;
            me->list = accept_object(shared, bytes, me->list);
            require(i % 10 != 0 || arena_on_close(shared, accept_count, &finishes), "no memory");
        }
        pthread_barrier_wait(&round_change);
    }
    return NULL;
}

// Where a few instructions matter two threads meet once in a million times; so some are stopped
// anywhere, for a while.
static void
accept_stop(int signal)
{
    int saved = errno;

    (void)signal;
    nanosleep(&(struct timespec){.tv_nsec = STOP_NS}, NULL);
    errno = saved;
}

static void
accept_round(void)
{
    struct held before = accept_held();
    size_t asked = 0;

    atomic_store(&finishes, 0);
    shared = arena_open();
    pthread_barrier_wait(&round_change);
    for (size_t i = 0; i < STOPS; i++) {
        pthread_kill(worker[i % THREADS].thread, SIGUSR1);
        sched_yield();
    }
    pthread_barrier_wait(&round_change);
    for (size_t i = 0; i < THREADS; i++) {
        require(accept_whole(worker[i].list) == EACH, "objects of threads are lost");
        asked += accept_bytes(worker[i].list);
    }
    size_t bytes = accept_held().bytes - before.bytes;
    require(bytes <= asked * ROUND_PERCENT_MAX / 100,
            "%d threads have %zu KiB in an arena that takes %zu; %d %% are allowed", THREADS,
            asked / 1024, bytes / 1024, ROUND_PERCENT_MAX);
    arena_close(shared);
    require(atomic_load(&finishes) == THREADS * EACH / 10,
            "of %d functions that threads register "
            "%d are called",
            THREADS * EACH / 10, atomic_load(&finishes));
}

static void
accept_threads(void)
{
    struct held before = {0, 0};

    signal(SIGUSR1, accept_stop);
    pthread_barrier_init(&round_change, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) {
        worker[i].number = i;
        require(pthread_create(&worker[i].thread, NULL, accept_work, &worker[i]) == 0, "no thread");
    }
    atomic_store(&linger, true);
    for (int round = 0; round < ROUNDS; round++) {
        accept_round();
        if (round == 0) {
            before = accept_held(); // with what libc keeps for threads
        }
    }
    atomic_store(&linger, false);
    accept_nothing_left(before, "arenas that threads share");
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(worker[i].thread, NULL);
    }
}

// --- What it costs -------------------------------------------------------------------------------

static struct arena *cost_arena;

static void
accept_calls(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        static void *volatile p;
        p = arena_alloc(cost_arena, 32, 16);
    }
}

static void
accept_cost(void)
{
    static const size_t calls = CALLS;
    long steps = 0;

    cost_arena = arena_open();
    for (int i = 0; i < MANY; i++) {
        accept_object(cost_arena, 32, NULL);
    }
    steps_count(accept_calls, &calls, 1, &steps);
    require(steps <= STEPS_MAX * CALLS,
            "an object takes %ld instructions on average; %d are "
            "allowed",
            steps / CALLS, STEPS_MAX);
    arena_close(cost_arena);
}

int
main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    accept_many();
    accept_mixed();
    accept_small();
    accept_aligned();
    accept_finishes();
    for (int i = 0; i < REFUSALS; i++) {
        accept_refusal(i);
    }
    accept_too_large();
    accept_threads();
    accept_cost();
    show("%d objects in at most %d of libapex; %d arenas that %d threads share; nothing is left",
         MANY, PARTS_MAX, ROUNDS, THREADS);
    return 0;
}
