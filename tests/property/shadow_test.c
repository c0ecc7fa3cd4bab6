// SPDX-License-Identifier: MIT
//
// Property test: random operations on the heap, held against a shadow that knows what must be true.
// Reason: the unit tests show that each part does what its author thought of; this one asks, some
// ten thousand times, whether the whole still does what a program relies on:
//
//   no two live objects overlap, in their whole usable size     addresses are aligned as asked
//   contents stay until the object is freed or resized          calloc gives zeroes
//   usable_size is at least the size asked for                  errno is kept by what succeeds
//
//   shadow_test [--config NAME] [--seed N] [--ops N]
//
// Without --config all of them run, each in a process of its own with its own APEX_OPTIONS. The
// seed is random unless given, and printed with the command that replays it. In the configurations
// with several threads only one runs at a time, chosen by the seed: frees cross threads, threads
// exit and leave objects behind, and yet a run can be repeated step by step.

#include "apex.h"
#include "base/rng.h"
#include "policy/heap.h"
#include "policy/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOT_COUNT 3000
#define THREADS_MAX 6
#define BURST_OPS_MAX 64
#define CHECK_ALL_OPS 2048 // between two looks at every object
#define LIVE_BYTES_MAX (96u << 20)
#define FULL_PATTERN_BYTES (16u << 10) // objects above this are filled at both ends and once a page
#define ERRNO_MARK 4711

struct shape {
    const char *name;
    const char *options; // APEX_OPTIONS
    size_t size_max;     // most sizes are below, evenly spread over the powers of two
    unsigned threads;
    unsigned long ops;
};

static const struct shape shapes[] = {
    {"tiny", "", 64, 1, 60000},
    {"small", "", 2048, 1, 60000},
    {"classes", "", 64 << 10, 1, 30000},
    {"runs", "", 1 << 20, 1, 10000},
    {"large", "", 12 << 20, 1, 3000},
    {"purge-at-once", "decay_ms=0,dirty_floor=0,dirty_ratio=0,retain=0", 2 << 20, 1, 10000},
    {"huge-pages", "thp=always,decay_ms=600000,dirty_ratio=1000", 1 << 20, 1, 10000},
    {"limited", "heap_limit=48m", 4 << 20, 1, 10000},
    {"threads-tiny", "", 128, THREADS_MAX, 40000},
    {"threads", "", 64 << 10, THREADS_MAX, 20000},
    {"threads-runs", "decay_ms=1,dirty_floor=64k", 3 << 20, THREADS_MAX, 8000},
};

struct object {
    unsigned char *address; // NULL: the slot is empty
    size_t size;            // asked for
    size_t usable;          // said by usable_size; all of it is filled
    uint64_t stamp;         // what the pattern is made of
};

struct range {
    uintptr_t start;
    uintptr_t end;
};

static const struct shape *shape;
static uint64_t seed;
static unsigned long ops;
static struct rng rng;
static unsigned long step; // number of the operation that runs
static struct object slots[SLOT_COUNT];
static struct range ranges[SLOT_COUNT]; // the shadow map: usable bytes of live objects, ascending
static unsigned range_count;
static size_t live_bytes;
static unsigned long refusals;

static _Noreturn void
fail(const char *what, const void *address, size_t size)
{
    printf("FAIL in operation %lu: %s (address %p, %zu bytes)\n", step, what, address, size);
    printf("replay: shadow_test --config %s --seed %llu --ops %lu\n", shape->name,
           (unsigned long long)seed, ops);
    fflush(stdout);
    _exit(1);
}

static uint64_t
below(uint64_t bound)
{
    return rng_next(&rng) % bound;
}

// The place of the first range that ends behind `start`.
static unsigned
range_find(uintptr_t start)
{
    unsigned low = 0;
    unsigned high = range_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (ranges[middle].end <= start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void
range_add(const struct object *o)
{
    // An object of no bytes has its address to itself all the same.
    size_t room = o->usable == 0 ? 1 : o->usable;
    struct range new = {(uintptr_t)o->address, (uintptr_t)o->address + room};
    unsigned i = range_find(new.start);

    if (i < range_count && ranges[i].start < new.end) {
        fail("overlaps a live object", o->address, o->usable);
    }
    memmove(&ranges[i + 1], &ranges[i], (range_count - i) * sizeof ranges[0]);
    ranges[i] = new;
    range_count++;
}

static void
range_remove(const struct object *o)
{
    unsigned i = range_find((uintptr_t)o->address);

    range_count--;
    memmove(&ranges[i], &ranges[i + 1], (range_count - i) * sizeof ranges[0]);
}

// Byte of the pattern at `offset`.
static unsigned char
pattern(uint64_t stamp, size_t offset)
{
    return (unsigned char)((stamp + offset * UINT64_C(0x9e3779b97f4a7c15)) >> 53);
}

// The distance from `offset` to the next byte that carries the pattern.
static size_t
pattern_stride(size_t size, size_t offset)
{
    if (size <= FULL_PATTERN_BYTES || offset < 64 || offset + 64 >= size) {
        return 1;
    }
    return size - offset > 4096 + 64 ? 4093 : size - 64 - offset;
}

static void
object_fill(const struct object *o)
{
    for (size_t i = 0; i < o->usable; i += pattern_stride(o->usable, i)) {
        o->address[i] = pattern(o->stamp, i);
    }
}

// `address` may have moved, and only `size` bytes may be left, of a pattern that was made for `o`.
static void
pattern_check(const struct object *o, const unsigned char *address, size_t size, const char *what)
{
    for (size_t i = 0; i < size; i += pattern_stride(o->usable, i)) {
        if (address[i] != pattern(o->stamp, i)) {
            fail(what, address + i, size);
        }
    }
}

static void
object_check(const struct object *o)
{
    pattern_check(o, o->address, o->usable, "contents changed");
}

static void
check_all(void)
{
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (slots[i].address != NULL) {
            object_check(&slots[i]);
        }
    }
    // Debug builds: every list and counter of this thread's heap, and of the pool.
    if (heap_self.heap != &heap_none && heap_self.heap != &heap_gone) {
        heap_audit(heap_self.heap);
    }
    pool_audit();
}

// Makes the result of an allocation known to the shadow; a refusal must say ENOMEM.
static void
object_enter(struct object *o, void *address, size_t size, size_t align)
{
    if (address == NULL) {
        if (errno != ENOMEM) {
            fail("refused without ENOMEM", NULL, size);
        }
        refusals++;
        return;
    }
    if (errno != ERRNO_MARK) {
        fail("success changed errno", address, size);
    }
    if (((uintptr_t)address & (align - 1)) != 0) {
        fail("not aligned", address, align);
    }
    o->address = address;
    o->size = size;
    o->usable = apex_malloc_usable_size(address);
    o->stamp = rng_next(&rng);
    if (o->usable < size) {
        fail("usable size is less than what was asked for", address, size);
    }
    range_add(o);
    live_bytes += o->usable;
    object_fill(o);
}

static void
object_leave(struct object *o)
{
    range_remove(o);
    live_bytes -= o->usable;
    o->address = NULL;
}

// Evenly spread over the powers of two, with a liking for their edges and for nothing at all.
static size_t
random_size(void)
{
    unsigned bits = 64u - (unsigned)__builtin_clzl(shape->size_max);
    size_t size = (size_t)1 << below(bits);

    switch (below(8)) {
    case 0:
        return below(3) == 0 ? 0 : size;
    case 1:
        return size - 1;
    case 2:
        return size + 1;
    case 3:
        return size + below(32) * 16;
    default:
        return size + below(size);
    }
}

static void
step_malloc(struct object *o)
{
    size_t size = random_size();

    object_enter(o, apex_malloc(size), size, 16);
}

static void
step_calloc(struct object *o)
{
    size_t size = random_size();
    size_t count = 1 + below(4);
    unsigned char *p = apex_calloc(count, size);

    for (size_t i = 0; p != NULL && i < count * size; i++) {
        if (p[i] != 0) {
            fail("calloc gave a byte that is not zero", p + i, size);
        }
    }
    object_enter(o, p, count * size, 16);
}

static void
step_aligned(struct object *o)
{
    size_t size = random_size();
    size_t align = (size_t)1 << (below(8) == 0 ? below(24) : below(13));
    void *p = NULL;
    int error;

    switch (below(3)) {
    case 0:
        object_enter(o, apex_aligned_alloc(align, size), size, align);
        return;
    case 1:
        object_enter(o, apex_memalign(align, size), size, align);
        return;
    default:
        align = align < sizeof(void *) ? sizeof(void *) : align;
        error = apex_posix_memalign(&p, align, size);
        if (errno != ERRNO_MARK) {
            fail("posix_memalign changed errno", p, size);
        }
        if (error != 0 && (error != ENOMEM || p != NULL)) {
            fail("posix_memalign failed in the wrong way", p, size);
        }
        errno = error != 0 ? error : ERRNO_MARK;
        object_enter(o, p, size, align);
    }
}

static void
step_realloc(struct object *o)
{
    struct object old = *o;
    size_t size = random_size();
    size_t count = 1 + below(3);
    size_t kept;
    void *p;

    object_check(o);
    size = below(4) == 0 ? old.size + below(64) : size; // often it grows by a little
    size = size == 0 ? 1 : size;
    if (below(4) == 0) {
        size *= count;
        p = apex_reallocarray(old.address, count, size / count);
    } else {
        p = apex_realloc(old.address, size);
    }
    if (p == NULL) {
        if (errno != ENOMEM) {
            fail("realloc refused without ENOMEM", old.address, size);
        }
        refusals++;
        object_check(&old);
        return;
    }
    object_leave(o);
    kept = old.size < size ? old.size : size;
    // Only the bytes asked for are kept; a stride of the old object must not lead beyond them.
    for (size_t i = 0; i < kept; i += pattern_stride(old.usable, i)) {
        if (((unsigned char *)p)[i] != pattern(old.stamp, i)) {
            fail("realloc lost the contents", (unsigned char *)p + i, size);
        }
    }
    object_enter(o, p, size, 16);
}

static void
step_free(struct object *o)
{
    object_check(o);
    switch (below(8)) {
    case 0:
        apex_free_sized(o->address, o->size);
        break;
    case 1:
        if (apex_realloc(o->address, 0) != NULL) {
            fail("realloc to 0 gave an object", o->address, o->size);
        }
        break;
    default:
        apex_free(o->address);
    }
    if (errno != ERRNO_MARK) {
        fail("free changed errno", o->address, o->size);
    }
    object_leave(o);
}

// What must be refused whatever the heap looks like, and must change nothing.
static void
step_refused(void)
{
    volatile size_t huge = SIZE_MAX - below(4096); // volatile: the compiler warns of what it sees
    volatile size_t half = (SIZE_MAX >> 1) + 1;
    volatile size_t uneven = 48;

    if (apex_malloc(huge) != NULL || errno != ENOMEM) {
        fail("malloc of nearly all addresses", NULL, huge);
    }
    errno = ERRNO_MARK;
    if (apex_calloc(half, 2 + below(100)) != NULL || errno != ENOMEM) {
        fail("calloc whose product overflows", NULL, half);
    }
    errno = ERRNO_MARK;
    if (apex_aligned_alloc(uneven, 16) != NULL || errno != EINVAL) {
        fail("aligned_alloc for an alignment that is none", NULL, uneven);
    }
    errno = ERRNO_MARK;
    if (apex_aligned_alloc(4096, huge) != NULL || errno != ENOMEM) {
        fail("aligned_alloc of nearly all addresses", NULL, huge);
    }
    errno = ERRNO_MARK;
    apex_free(NULL);
    if (apex_malloc_usable_size(NULL) != 0 || errno != ERRNO_MARK) {
        fail("NULL", NULL, 0);
    }
}

static void
step_once(void)
{
    struct object *o = &slots[below(SLOT_COUNT)];
    unsigned choice = (unsigned)below(16);

    errno = ERRNO_MARK;
    if (o->address != NULL) {
        if (choice < 4 && live_bytes < LIVE_BYTES_MAX) {
            step_realloc(o);
        } else {
            step_free(o);
        }
    } else if (live_bytes >= LIVE_BYTES_MAX) {
        return;
    } else if (choice < 3) {
        step_calloc(o);
    } else if (choice < 5) {
        step_aligned(o);
    } else {
        step_malloc(o);
    }
    if (below(512) == 0) {
        errno = ERRNO_MARK;
        step_refused();
    }
    if (below(4096) == 0) {
        apex_malloc_trim(below(2) * (1 << 20));
    }
}

static void
burst(unsigned long count)
{
    for (unsigned long i = 0; i < count && step < ops; i++) {
        step_once();
        if (++step % CHECK_ALL_OPS == 0) {
            check_all();
        }
    }
}

// A thread runs bursts when it is given the turn. `leave` ends it.
struct actor {
    pthread_t thread;
    sem_t go;
    sem_t done;
    unsigned long count;
    bool leave;
};

static void *
actor_main(void *argument)
{
    struct actor *a = argument;

    for (;;) {
        while (sem_wait(&a->go) != 0) {
        }
        if (a->leave) {
            return NULL;
        }
        burst(a->count);
        sem_post(&a->done);
    }
}

static void
actor_start(struct actor *a)
{
    a->leave = false;
    sem_init(&a->go, 0, 0);
    sem_init(&a->done, 0, 0);
    if (pthread_create(&a->thread, NULL, actor_main, a) != 0) {
        fail("cannot start a thread", NULL, 0);
    }
}

static void
actor_end(struct actor *a)
{
    a->leave = true;
    sem_post(&a->go);
    pthread_join(a->thread, NULL);
}

static void
run_threads(void)
{
    static struct actor actors[THREADS_MAX];

    for (unsigned i = 0; i < shape->threads; i++) {
        actor_start(&actors[i]);
    }
    while (step < ops) {
        struct actor *a = &actors[below(shape->threads)];
        a->count = 1 + below(BURST_OPS_MAX);
        sem_post(&a->go);
        while (sem_wait(&a->done) != 0) {
        }
        if (below(32) == 0) {
            actor_end(a); // what it allocated stays; others will free it
            actor_start(a);
        }
    }
    for (unsigned i = 0; i < shape->threads; i++) {
        actor_end(&actors[i]);
    }
}

static int
run_shape(void)
{
    rng_seed(&rng, seed);
    printf("%s: seed %llu, %lu operations\n", shape->name, (unsigned long long)seed, ops);
    fflush(stdout);
    if (shape->threads > 1) {
        run_threads();
    } else {
        burst(ops);
    }
    check_all();
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (slots[i].address != NULL) {
            errno = ERRNO_MARK;
            step_free(&slots[i]);
        }
    }
    if (refusals != 0 && strstr(shape->options, "heap_limit") == NULL) {
        fail("an allocation was refused", NULL, refusals);
    }
    return 0;
}

// Options are read once at start, so each shape gets a new process.
static int
run_in_child(char *program, const struct shape *s, char *seed_text, char *ops_text)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        char *arguments[] = {program,  "--config", (char *)(uintptr_t)s->name,
                             "--seed", seed_text,  ops_text == NULL ? NULL : "--ops",
                             ops_text, NULL};
        setenv("APEX_OPTIONS", s->options, 1);
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        printf("FAIL: %s ended with status 0x%x\n", s->name, (unsigned)status);
        return 1;
    }
    return 0;
}

int
main(int argc, char **argv)
{
    char *ops_text = NULL;
    char seed_text[32];
    int failures = 0;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        seed = (uint64_t)getpid();
    }
    seed &= UINT32_MAX; // easier to type
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--config") == 0) {
            for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
                shape = strcmp(argv[i + 1], shapes[k].name) == 0 ? &shapes[k] : shape;
            }
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--ops") == 0) {
            ops_text = argv[i + 1];
        }
    }
    if (shape != NULL) {
        ops = ops_text == NULL ? shape->ops : strtoul(ops_text, NULL, 10);
        return run_shape();
    }
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        failures += run_in_child(argv[0], &shapes[k], seed_text, ops_text);
    }
    return failures == 0 ? 0 : 1;
}
