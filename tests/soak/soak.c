// SPDX-License-Identifier: MIT
//
// Soak: threads that come and go, free each other's memory and are forked under, for as long as
// asked. Reason: what a unit test cannot meet is time. Lost memory, a race once in a million, a
// heap that grows by a page a minute show only after many thread lives. It uses the plain malloc
// names, so it runs linked, under LD_PRELOAD, and against any other allocator for comparison.
//
//   soak [--seconds N] [--threads N] [--seed N]
//
// Every object is filled with a pattern made from its address and the seed, and checked when it is
// freed, when it changes hands, and at random times between. Exit code 0: no error, no growth.

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define HELD_MAX 1024             // objects a worker holds
#define HELD_BYTES_MAX (8u << 20) // their sizes in sum
#define EXCHANGE_SLOTS 2048
#define EXCHANGE_BYTES_MAX (64u << 10) // larger objects stay at home, so that the sum is bounded
#define FORK_PAUSE_MS 500
#define CHILD_PATIENCE_S 60
#define GROWTH_BYTES (24u << 20) // of RSS after the warm-up, beyond one eighth, that is a leak

struct object {
    void *address;
    size_t size;
};

// The place where threads swap objects: what one allocates another frees.
struct exchange_slot {
    atomic_flag busy;
    struct object object;
};

struct worker {
    pthread_t thread;
    uint64_t rng;
    unsigned life_ms;
    unsigned count;
    size_t bytes;
    struct object held[HELD_MAX];
};

static struct exchange_slot exchange[EXCHANGE_SLOTS];
static struct worker workers[THREADS_MAX];
static uint64_t seed = 1;
static atomic_bool stop;
static atomic_ulong errors;
static atomic_ulong operations;
static atomic_long live_bytes;
static unsigned long threads_started;
static unsigned long forks;

static uint64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static uint64_t
next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void
complain(const char *what, const void *address, size_t size)
{
    // dprintf, not printf: a forked child must not flush what its parent has buffered.
    dprintf(STDERR_FILENO, "soak: %s at %p, %zu bytes, pid %d\n", what, address, size,
            (int)getpid());
    atomic_fetch_add(&errors, 1);
}

static uint64_t
pattern_at(uintptr_t origin, size_t offset)
{
    uint64_t x = ((uint64_t)origin ^ seed) + offset;

    return x * UINT64_C(0x9e3779b97f4a7c15);
}

// Words are 8 bytes; the tail is filled with the low bytes of one more word.
static void
pattern_fill(const struct object *o)
{
    char *bytes = o->address;
    size_t offset = 0;
    uint64_t word;

    for (; offset + sizeof word <= o->size; offset += sizeof word) {
        word = pattern_at((uintptr_t)o->address, offset);
        memcpy(bytes + offset, &word, sizeof word);
    }
    word = pattern_at((uintptr_t)o->address, offset);
    memcpy(bytes + offset, &word, o->size - offset);
}

// `origin` is the address the pattern was made for; it differs after realloc has moved the bytes.
static bool
pattern_holds(const void *bytes, uintptr_t origin, size_t size)
{
    size_t offset = 0;
    uint64_t word;
    uint64_t expected;

    for (; offset + sizeof word <= size; offset += sizeof word) {
        memcpy(&word, (const char *)bytes + offset, sizeof word);
        if (word != pattern_at(origin, offset)) {
            return false;
        }
    }
    expected = pattern_at(origin, offset);
    return memcmp((const char *)bytes + offset, &expected, size - offset) == 0;
}

static void
object_check(const struct object *o)
{
    if (!pattern_holds(o->address, (uintptr_t)o->address, o->size)) {
        complain("pattern broken", o->address, o->size);
    }
}

// Small sizes are the rule, as in real programs; one in 4096 is larger than a superblock's half.
static size_t
random_size(uint64_t *rng)
{
    uint64_t r = next_random(rng);
    unsigned kind = (unsigned)(r & 4095);

    r >>= 12;
    if (kind < 3000) {
        return r % 512;
    }
    if (kind < 3900) {
        return r % (8u << 10);
    }
    if (kind < 4070) {
        return r % (128u << 10);
    }
    if (kind < 4095) {
        return r % (1u << 20);
    }
    return r % (6u << 20);
}

static void *
allocate_zeroed(size_t size)
{
    unsigned char *p = calloc(1, size);

    for (size_t i = 0; p != NULL && i < size; i++) {
        if (p[i] != 0) {
            complain("calloc gave memory that is not zero", p, size);
            break;
        }
    }
    return p;
}

static void *
allocate_aligned(uint64_t *rng, size_t size)
{
    size_t align = (size_t)16 << (next_random(rng) % 13); // up to 64 KiB
    void *p = NULL;

    if (posix_memalign(&p, align, size) != 0) {
        return NULL;
    }
    if (((uintptr_t)p & (align - 1)) != 0) {
        complain("address not aligned", p, align);
    }
    return p;
}

static bool
object_allocate(struct object *o, uint64_t *rng)
{
    unsigned kind = (unsigned)(next_random(rng) % 16);

    o->size = random_size(rng);
    if (kind == 0) {
        o->address = allocate_aligned(rng, o->size);
    } else if (kind < 4) {
        o->address = allocate_zeroed(o->size);
    } else {
        o->address = malloc(o->size);
    }
    if (o->address == NULL) {
        complain("out of memory", NULL, o->size);
        return false;
    }
    if (malloc_usable_size(o->address) < o->size) {
        complain("usable size too small", o->address, o->size);
    }
    pattern_fill(o);
    atomic_fetch_add_explicit(&live_bytes, (long)o->size, memory_order_relaxed);
    return true;
}

static void
object_free(const struct object *o)
{
    object_check(o);
    atomic_fetch_sub_explicit(&live_bytes, (long)o->size, memory_order_relaxed);
    free(o->address);
}

static void
object_resize(struct object *o, uint64_t *rng)
{
    struct object old = *o;
    uintptr_t origin = (uintptr_t)old.address; // as a number: the pointer means nothing afterwards
    size_t kept;

    object_check(o);
    o->size = random_size(rng) + 1; // realloc(p, 0) frees
    o->address = realloc(old.address, o->size);
    if (o->address == NULL) {
        complain("realloc: out of memory", old.address, o->size);
        *o = old;
        return;
    }
    kept = old.size < o->size ? old.size : o->size;
    if (!pattern_holds(o->address, origin, kept)) {
        complain("realloc lost the contents", o->address, kept);
    }
    pattern_fill(o);
    atomic_fetch_add_explicit(&live_bytes, (long)o->size - (long)old.size, memory_order_relaxed);
}

static void
worker_drop(struct worker *w, unsigned i)
{
    w->bytes -= w->held[i].size;
    object_free(&w->held[i]);
    w->held[i] = w->held[--w->count];
}

static void
worker_take(struct worker *w)
{
    if (object_allocate(&w->held[w->count], &w->rng)) {
        w->bytes += w->held[w->count++].size;
    }
}

// Puts one of our objects where another thread finds it, and takes over the one that lay there.
static void
worker_swap(struct worker *w, unsigned i)
{
    struct exchange_slot *slot = &exchange[next_random(&w->rng) % EXCHANGE_SLOTS];
    struct object theirs;

    if (w->held[i].size > EXCHANGE_BYTES_MAX ||
        atomic_flag_test_and_set_explicit(&slot->busy, memory_order_acquire)) {
        return;
    }
    theirs = slot->object;
    slot->object = w->held[i];
    atomic_flag_clear_explicit(&slot->busy, memory_order_release);

    w->bytes -= w->held[i].size;
    if (theirs.address == NULL) {
        w->held[i] = w->held[--w->count];
        return;
    }
    object_check(&theirs);
    w->held[i] = theirs;
    w->bytes += theirs.size;
}

static void
worker_resize(struct worker *w, unsigned i)
{
    w->bytes -= w->held[i].size;
    object_resize(&w->held[i], &w->rng);
    w->bytes += w->held[i].size;
}

static void
worker_step(struct worker *w)
{
    unsigned choice = (unsigned)(next_random(&w->rng) % 64);
    unsigned i;

    while (w->count == HELD_MAX || (w->count > 0 && w->bytes > HELD_BYTES_MAX)) {
        worker_drop(w, (unsigned)(next_random(&w->rng) % w->count));
    }
    if (w->count == 0 || choice < 24) {
        worker_take(w);
        return;
    }
    i = (unsigned)(next_random(&w->rng) % w->count);
    if (choice < 44) {
        worker_drop(w, i);
    } else if (choice < 56) {
        worker_swap(w, i);
    } else if (choice < 60) {
        worker_resize(w, i);
    } else {
        object_check(&w->held[i]);
    }
}

// Lives for a while, then exits: sometimes with empty hands, sometimes leaving all it holds to the
// next thread in its place, whose frees are then frees of a dead thread's memory.
static void *
worker_main(void *argument)
{
    struct worker *w = argument;
    uint64_t end = now_ms() + w->life_ms;
    unsigned long steps = 0;

    while (!atomic_load(&stop)) {
        worker_step(w);
        if ((++steps & 255) == 0 && now_ms() >= end) {
            break;
        }
    }
    if (next_random(&w->rng) % 2 == 0) {
        while (w->count > 0) {
            worker_drop(w, w->count - 1);
        }
    }
    atomic_fetch_add(&operations, steps);
    return NULL;
}

static void
worker_start(struct worker *w)
{
    w->life_ms = 20 + (unsigned)(next_random(&w->rng) % 1000);
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
        fprintf(stderr, "soak: cannot start a thread: %s\n", strerror(errno));
        exit(2);
    }
    threads_started++;
}

static void *
child_thread(void *argument)
{
    struct worker *w = argument;

    for (unsigned i = 0; i < 2000; i++) {
        worker_step(w);
    }
    return NULL;
}

// The child has one thread, and copies of heaps whose owners do not exist there. Slots that were in
// use at the moment of the fork are left alone.
static _Noreturn void
child_main(void)
{
    struct worker *w = &workers[0];
    pthread_t thread;

    atomic_store(&errors, 0);
    w->count = 0; // the copies of the workers' objects were perhaps half-written
    w->bytes = 0;
    for (unsigned i = 0; i < EXCHANGE_SLOTS; i++) {
        if (!atomic_flag_test_and_set(&exchange[i].busy)) {
            if (exchange[i].object.address != NULL) {
                object_check(&exchange[i].object);
                if (i % 2 == 0) {
                    object_free(&exchange[i].object);
                    exchange[i].object.address = NULL;
                }
            }
            atomic_flag_clear(&exchange[i].busy);
        }
    }
    child_thread(w);
    if (pthread_create(&thread, NULL, child_thread, w) != 0) {
        complain("child cannot start a thread", NULL, 0);
    } else {
        pthread_join(thread, NULL);
    }
    while (w->count > 0) {
        worker_drop(w, w->count - 1);
    }
    _exit(atomic_load(&errors) == 0 ? 0 : 1);
}

static void
fork_once(void)
{
    uint64_t end = now_ms() + CHILD_PATIENCE_S * 1000;
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        child_main();
    }
    if (child < 0) {
        complain("cannot fork", NULL, 0);
        return;
    }
    forks++;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (now_ms() > end) {
            complain("child hangs", NULL, 0);
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return;
        }
        sleep_ms(5);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        complain("child failed", NULL, (size_t)status);
    }
}

static size_t
rss_bytes(void)
{
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%lu %lu", &total, &resident) != 2) {
        fprintf(stderr, "soak: cannot read /proc/self/statm\n");
        exit(2);
    }
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static double
mib(double bytes)
{
    return bytes / (1 << 20);
}

// Threads that have finished are joined and replaced; the join never waits long, for lives are
// short.
static void
threads_renew(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (pthread_tryjoin_np(workers[i].thread, NULL) == 0) {
            worker_start(&workers[i]);
        }
    }
}

static void
report(const char *when, size_t rss)
{
    printf("%s: RSS %.1f MiB, live %.1f MiB, %lu threads so far, %lu forks, %lu errors\n", when,
           mib((double)rss), mib((double)atomic_load(&live_bytes)), threads_started, forks,
           atomic_load(&errors));
    fflush(stdout);
}

// The highest of a few samples. What is free goes to the kernel first: how much of it is kept for
// the next allocation differs from moment to moment, by more than a leak would show.
static size_t
rss_now(unsigned count)
{
    size_t highest = 0;

    for (unsigned i = 0; i < 20; i++) {
        malloc_trim(0);
        size_t rss = rss_bytes();
        highest = rss > highest ? rss : highest;
        threads_renew(count);
        sleep_ms(20);
    }
    return highest;
}

// Returns the RSS after the warm-up: one minute, or a quarter of a short run.
static size_t
run(unsigned seconds, unsigned count)
{
    uint64_t start = now_ms();
    uint64_t warm = start + (seconds < 240 ? seconds * 250 : 60000);
    uint64_t end = start + seconds * UINT64_C(1000);
    uint64_t next_fork = start + FORK_PAUSE_MS;
    uint64_t next_report = start + 60000;
    size_t rss_warm = 0;

    for (uint64_t now = start; now < end; now = now_ms()) {
        threads_renew(count);
        if (rss_warm == 0 && now >= warm) {
            rss_warm = rss_now(count);
        }
        if (now >= next_report) {
            char when[32];
            snprintf(when, sizeof when, "minute %u", (unsigned)((now - start) / 60000));
            report(when, rss_now(count));
            next_report += 60000;
        }
        if (now >= next_fork) {
            fork_once();
            next_fork = now_ms() + FORK_PAUSE_MS;
        }
        sleep_ms(5);
    }
    return rss_warm == 0 ? rss_now(count) : rss_warm;
}

static void
finish(unsigned count)
{
    atomic_store(&stop, true);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        while (workers[i].count > 0) {
            worker_drop(&workers[i], workers[i].count - 1);
        }
    }
    for (unsigned i = 0; i < EXCHANGE_SLOTS; i++) {
        if (exchange[i].object.address != NULL) {
            object_free(&exchange[i].object);
        }
    }
    if (atomic_load(&live_bytes) != 0) {
        complain("live bytes left over", NULL, (size_t)atomic_load(&live_bytes));
    }
}

static unsigned long
argument_number(char **argv, int i, const char *name, unsigned long highest)
{
    char *end = NULL;
    unsigned long value = argv[i + 1] == NULL ? 0 : strtoul(argv[i + 1], &end, 10);

    if (end == NULL || end == argv[i + 1] || *end != '\0' || value > highest || value == 0) {
        fprintf(stderr, "soak: %s takes a number from 1 to %lu\n", name, highest);
        exit(2);
    }
    return value;
}

int
main(int argc, char **argv)
{
    unsigned seconds = 10;
    unsigned count = 4;
    size_t rss_warm;
    size_t rss_end;

    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0) {
            seconds = (unsigned)argument_number(argv, i, argv[i], 1000000);
        } else if (strcmp(argv[i], "--threads") == 0) {
            count = (unsigned)argument_number(argv, i, argv[i], THREADS_MAX);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = argument_number(argv, i, argv[i], UINT32_MAX);
        } else {
            fprintf(stderr, "usage: soak [--seconds N] [--threads N] [--seed N]\n");
            return 2;
        }
    }
    printf("soak: %u seconds, %u threads, seed %lu\n", seconds, count, (unsigned long)seed);
    fflush(stdout);
    for (unsigned i = 0; i < count; i++) {
        workers[i].rng = seed * 1000 + i;
        worker_start(&workers[i]);
    }
    rss_warm = run(seconds, count);
    rss_end = rss_now(count);
    report("end", rss_end);
    finish(count);
    printf("%lu pattern errors\n", atomic_load(&errors));
    printf("%lu operations, %lu threads, %lu forks\n", atomic_load(&operations), threads_started,
           forks);
    printf("RSS %.1f MiB after the warm-up, %.1f MiB at the end\n", mib((double)rss_warm),
           mib((double)rss_end));
    if (rss_end > rss_warm + rss_warm / 8 + GROWTH_BYTES) {
        printf("RSS grew\n");
        return 1;
    }
    return atomic_load(&errors) == 0 ? 0 : 1;
}
