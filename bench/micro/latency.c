// SPDX-License-Identifier: MIT
//
// How long single calls take: every malloc and every free is timed, not their average. Prints p50,
// p99, p99.9 and the longest of each. Averages hide what a server's users notice: the one call in
// ten thousand that refills a list, waits for a lock or asks the system for memory.
//
// Idea: the load is that of Larson and Krishnan, "Memory allocation for long-running server
// applications" (ISMM 1998): random replacement in each thread's slots; now and then a thread ends
// and a new one, of another place, goes on with its objects. The percentiles are an addition.
//
//   latency THREADS REPLACEMENTS [SLOTS [MIN MAX]]
//
// Reading the clock takes time, too, which is in each value: the `note` line says how much. With
// more threads than cores the longest call is one in which the thread lost its core, so there is
// also `max_own`: the longest call in which it did not. (Waiting for a lock counts.) The notes say
// which sizes these calls were of, and how many page faults happened in them.

#include "common/choice.h"
#include "common/object.h"

#include <stdio.h>
#include <sys/resource.h>
#if defined __x86_64__ || defined __i386__
#include <x86intrin.h>
#endif

// Buckets of a histogram are 3 % wide: 32 for each power of two.
#define SUB_BITS 5u
#define SUB_BUCKETS (1u << SUB_BITS)
#define BUCKETS ((64 - SUB_BITS + 1) * SUB_BUCKETS)
#define GENERATIONS 20u
#define SLOW_TICKS 20000u // a few microseconds: what losing a core takes at least

enum {
    MALLOC,
    FREE,
    CALLS,
};

static const char *const call_names[CALLS] = {"malloc", "free"};

struct longest {
    uint64_t ticks;
    size_t bytes;
    long faults;
};

struct histogram {
    uint64_t counts[BUCKETS];
    struct longest any;
    struct longest own; // its thread had a core all the time
};

struct load {
    unsigned threads;
    unsigned generation;
    size_t slots;
    size_t min;
    size_t max;
    uint64_t replacements; // of one thread in one generation
    void ***objects;
    uint32_t **sizes;
    struct histogram (*histograms)[CALLS]; // for each thread
};

// A thread's switches and faults when it last looked.
struct watch {
    long switches;
    long faults;
    uint64_t last_ticks; // end of the last timed call
};

static inline uint64_t
ticks_now(void)
{
#if defined __x86_64__ || defined __i386__
    _mm_lfence();
    uint64_t ticks = __rdtsc();
    _mm_lfence();
    return ticks;
#else
    return bench_now_ns();
#endif
}

static unsigned
bucket_of(uint64_t ticks)
{
    if (ticks < SUB_BUCKETS) {
        return (unsigned)ticks;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(ticks) - SUB_BITS;
    return (shift + 1) * SUB_BUCKETS + (unsigned)(ticks >> shift) % SUB_BUCKETS;
}

// The middle of a bucket.
static double
bucket_ticks(unsigned bucket)
{
    if (bucket < SUB_BUCKETS) {
        return bucket;
    }
    unsigned shift = bucket / SUB_BUCKETS - 1;
    uint64_t first = (uint64_t)(SUB_BUCKETS + bucket % SUB_BUCKETS) << shift;
    return (double)first + (double)((UINT64_C(1) << shift) - 1) / 2;
}

// Looks at what the thread went through since the last look. True when it lost its core.
static bool
watch_look(struct watch *watch, long *faults)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    bool lost = usage.ru_nivcsw != watch->switches;
    *faults = usage.ru_minflt - watch->faults;
    watch->switches = usage.ru_nivcsw;
    watch->faults = usage.ru_minflt;
    return lost;
}

// A gap between two timed calls may be a lost core as well: it must not be blamed on the next call.
static inline void
watch_gap(struct watch *watch, uint64_t now)
{
    long ignored;

    if (now - watch->last_ticks > SLOW_TICKS) {
        watch_look(watch, &ignored);
    }
}

static void
note_slow(struct histogram *histogram, struct watch *watch, uint64_t ticks, size_t bytes)
{
    struct longest call = {.ticks = ticks, .bytes = bytes};
    bool lost = watch_look(watch, &call.faults);

    if (ticks > histogram->any.ticks) {
        histogram->any = call;
    }
    if (!lost && ticks > histogram->own.ticks) {
        histogram->own = call;
    }
}

static inline void
note(struct histogram *histogram, struct watch *watch, uint64_t begin, uint64_t end, size_t bytes)
{
    uint64_t ticks = end - begin;

    histogram->counts[bucket_of(ticks)]++;
    if (ticks > SLOW_TICKS) {
        note_slow(histogram, watch, ticks, bytes);
    } else if (ticks > histogram->own.ticks) {
        histogram->own = (struct longest){.ticks = ticks, .bytes = bytes};
    }
    watch->last_ticks = end;
}

static void *
timed_malloc(struct histogram *histogram, struct watch *watch, size_t bytes)
{
    uint64_t begin = ticks_now();

    watch_gap(watch, begin);
    begin = ticks_now();
    void *p = malloc(bytes);
    note(histogram, watch, begin, ticks_now(), bytes);
    return object_start(p);
}

static void
timed_free(struct histogram *histogram, struct watch *watch, void *p, size_t bytes)
{
    object_end(p);
    uint64_t begin = ticks_now();
    watch_gap(watch, begin);
    begin = ticks_now();
    free(p);
    note(histogram, watch, begin, ticks_now(), bytes);
}

static void
replace(void *context, unsigned thread)
{
    const struct load *load = context;
    unsigned place = (thread + load->generation) % load->threads;
    void **objects = load->objects[place];
    uint32_t *sizes = load->sizes[place];
    struct histogram *histograms = load->histograms[thread];
    struct watch watch = {.last_ticks = ticks_now()};
    struct bench_random random;
    long ignored;

    bench_random_start(&random, load->generation * load->threads + thread);
    watch_look(&watch, &ignored);
    for (uint64_t i = 0; i < load->replacements; i++) {
        struct choice next = choose(&random, load->slots, load->min, load->max);
        if (objects[next.slot] != NULL) {
            timed_free(&histograms[FREE], &watch, objects[next.slot], sizes[next.slot]);
        }
        objects[next.slot] = timed_malloc(&histograms[MALLOC], &watch, next.bytes);
        sizes[next.slot] = (uint32_t)next.bytes;
    }
}

// Adds the other threads' histograms to the first one's.
static struct histogram *
merged(const struct load *load, unsigned call)
{
    struct histogram *sum = &load->histograms[0][call];

    for (unsigned thread = 1; thread < load->threads; thread++) {
        const struct histogram *more = &load->histograms[thread][call];
        for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
            sum->counts[bucket] += more->counts[bucket];
        }
        sum->any = more->any.ticks > sum->any.ticks ? more->any : sum->any;
        sum->own = more->own.ticks > sum->own.ticks ? more->own : sum->own;
    }
    if (sum->own.ticks > sum->any.ticks) {
        sum->any = sum->own; // no call was slow enough to be looked at
    }
    return sum;
}

static double
percentile_ticks(const struct histogram *histogram, double share)
{
    uint64_t total = 0;
    uint64_t below = 0;
    unsigned bucket = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        total += histogram->counts[i];
    }
    while (bucket < BUCKETS - 1 &&
           (double)(below + histogram->counts[bucket]) < share * (double)total) {
        below += histogram->counts[bucket++];
    }
    return bucket_ticks(bucket);
}

static void
print_metric(const char *call, const char *what, double ticks, double ns_per_tick)
{
    char name[64];

    snprintf(name, sizeof name, "%s_%s", call, what);
    bench_metric(name, ticks * ns_per_tick, "ns", false);
}

static void
print_call(const char *name, const struct histogram *histogram, double ns_per_tick)
{
    print_metric(name, "p50", percentile_ticks(histogram, 0.5), ns_per_tick);
    print_metric(name, "p99", percentile_ticks(histogram, 0.99), ns_per_tick);
    print_metric(name, "p999", percentile_ticks(histogram, 0.999), ns_per_tick);
    print_metric(name, "max", (double)histogram->any.ticks, ns_per_tick);
    print_metric(name, "max_own", (double)histogram->own.ticks, ns_per_tick);
    printf("note %s max: %zu bytes, %ld page faults; max_own: %zu bytes, %ld page faults\n", name,
           histogram->any.bytes, histogram->any.faults, histogram->own.bytes,
           histogram->own.faults);
}

// The smallest time between two readings of the clock.
static uint64_t
overhead_ticks(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < 10000; i++) {
        uint64_t begin = ticks_now();
        uint64_t taken = ticks_now() - begin;
        least = taken < least ? taken : least;
    }
    return least;
}

static void
load_map(struct load *load)
{
    load->objects = bench_map(load->threads * sizeof *load->objects);
    load->sizes = bench_map(load->threads * sizeof *load->sizes);
    load->histograms = bench_map(load->threads * sizeof *load->histograms);
    for (unsigned i = 0; i < load->threads; i++) {
        load->objects[i] = bench_map(load->slots * sizeof(void *));
        load->sizes[i] = bench_map(load->slots * sizeof(uint32_t));
    }
}

int
main(int argc, char **argv)
{
    struct load load = {.threads = (unsigned)bench_argument(argc, argv, 1, 1, 1)};
    uint64_t replacements = bench_argument(argc, argv, 2, 10000000, 1);

    load.slots = bench_argument(argc, argv, 3, 1000, 1);
    load.min = bench_argument(argc, argv, 4, 16, OBJECT_MIN_BYTES);
    load.max = bench_argument(argc, argv, 5, 1024, load.min);
    load.replacements = replacements / load.threads / GENERATIONS + 1;
    load_map(&load);
    uint64_t least = overhead_ticks();
    uint64_t begin_ns = bench_now_ns();
    uint64_t begin = ticks_now();
    for (; load.generation < GENERATIONS; load.generation++) {
        bench_parallel(load.threads, replace, &load);
    }
    uint64_t end = ticks_now();
    double ns_per_tick = (double)(bench_now_ns() - begin_ns) / (double)(end - begin);
    printf("note the clock alone: %.1f ns\n", (double)least * ns_per_tick);
    for (unsigned call = 0; call < CALLS; call++) {
        print_call(call_names[call], merged(&load, call), ns_per_tick);
    }
    return 0;
}
