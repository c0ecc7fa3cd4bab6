// SPDX-License-Identifier: MIT
//
// Cost as the work grows: the same random replacement for each of the given values of one
// quantity, so that plots show where an allocator's cost has a knee. Prints for each value x
// `ns-x`, wall time per replacement, and `rss-x`, resident memory of the heap divided by the bytes
// that live in it.
//
// Idea: the questions that a single working set leaves open: more threads than cores, heaps larger
// than caches and translation buffers, metadata that grows with the number of objects.
//
//   scale threads REPLACEMENTS X…   X threads, each with 4000 objects of 16 to 512 bytes
//   scale heap REPLACEMENTS X…      X bytes (16m, 1g) live, objects of 64 to 4096 bytes
//   scale objects REPLACEMENTS X…   X objects of 16 to 32 bytes
//
// Every value runs in a process of its own, started anew by exec, so that none sees a used heap. A
// value for which the machine has too little memory is left out.

#include "common/choice.h"
#include "common/filled.h"
#include "common/object.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define OBJECTS_PER_THREAD 4000u
#define FIXED_ARGUMENTS 3 // program, kind, replacements
#define SMALL_MIN_BYTES 16
#define SMALL_MAX_BYTES 32
#define HEAP_MIN_BYTES 64
#define HEAP_MAX_BYTES 4096

enum kind {
    KIND_THREADS,
    KIND_HEAP,
    KIND_OBJECTS,
};

static const char *const kind_names[] = {"threads", "heap", "objects", NULL};

struct scale {
    unsigned threads;
    size_t slots; // of each thread
    size_t min;
    size_t max;
    uint64_t replacements; // of each thread
    pthread_barrier_t turn;
    size_t base_bytes; // RSS before anything was allocated
    size_t heap_bytes; // RSS at the end, above that
    struct part *parts;
};

// What one thread has and finds out.
struct part {
    void **objects;
    uint32_t *sizes;
    uint64_t live_bytes;
    uint64_t begin_ns;
    uint64_t end_ns;
};

static void
fill(const struct scale *scale, struct part *part, struct bench_random *random)
{
    for (size_t i = 0; i < scale->slots; i++) {
        size_t bytes = choose_size(random, scale->min, scale->max);
        part->objects[i] = filled_new(bytes);
        part->sizes[i] = (uint32_t)bytes;
        part->live_bytes += bytes;
    }
}

static void
replace(const struct scale *scale, struct part *part, struct bench_random *random)
{
    for (uint64_t i = 0; i < scale->replacements; i++) {
        struct choice next = choose(random, scale->slots, scale->min, scale->max);
        object_free(part->objects[next.slot]);
        part->objects[next.slot] = filled_new(next.bytes);
        part->live_bytes += next.bytes - part->sizes[next.slot];
        part->sizes[next.slot] = (uint32_t)next.bytes;
    }
}

static void
work(void *context, unsigned thread)
{
    struct scale *scale = context;
    struct part *part = &scale->parts[thread];
    struct bench_random random;

    bench_random_start(&random, thread);
    if (pthread_barrier_wait(&scale->turn) == PTHREAD_BARRIER_SERIAL_THREAD) {
        scale->base_bytes = bench_rss_bytes(); // with the threads' stacks
    }
    pthread_barrier_wait(&scale->turn);
    fill(scale, part, &random);
    pthread_barrier_wait(&scale->turn);
    part->begin_ns = bench_now_ns();
    replace(scale, part, &random);
    part->end_ns = bench_now_ns();
    if (pthread_barrier_wait(&scale->turn) == PTHREAD_BARRIER_SERIAL_THREAD) {
        scale->heap_bytes = bench_rss_bytes() - scale->base_bytes;
    }
    pthread_barrier_wait(&scale->turn); // nobody exits, and gives memory back, before that
}

static void
print(const struct scale *scale, const char *x)
{
    char name[64];
    uint64_t begin_ns = UINT64_MAX;
    uint64_t end_ns = 0;
    uint64_t live_bytes = 0;

    for (unsigned i = 0; i < scale->threads; i++) {
        const struct part *part = &scale->parts[i];
        begin_ns = part->begin_ns < begin_ns ? part->begin_ns : begin_ns;
        end_ns = part->end_ns > end_ns ? part->end_ns : end_ns;
        live_bytes += part->live_bytes;
    }
    double replacements = (double)scale->replacements * scale->threads;
    snprintf(name, sizeof name, "ns-%s", x);
    bench_metric(name, (double)(end_ns - begin_ns) / replacements, "ns", false);
    snprintf(name, sizeof name, "rss-%s", x);
    bench_metric(name, (double)scale->heap_bytes / (double)live_bytes, "ratio", false);
}

static void
run(struct scale *scale, uint64_t replacements, const char *x)
{
    scale->replacements = replacements / scale->threads + 1;
    scale->parts = bench_map(scale->threads * sizeof *scale->parts);
    for (unsigned i = 0; i < scale->threads; i++) {
        scale->parts[i].objects = bench_map(scale->slots * sizeof(void *));
        scale->parts[i].sizes = bench_map(scale->slots * sizeof(uint32_t));
    }
    pthread_barrier_init(&scale->turn, NULL, scale->threads);
    bench_parallel(scale->threads, work, scale);
    print(scale, x);
}

static void
run_one(int argc, char **argv)
{
    enum kind kind = (enum kind)bench_word(argc, argv, 1, kind_names);
    uint64_t replacements = bench_argument(argc, argv, 2, 1, 1);
    uint64_t x = bench_argument(argc, argv, FIXED_ARGUMENTS, 1, 1);
    struct scale scale = {.threads = 1};

    if (kind == KIND_THREADS) {
        scale.threads = (unsigned)x;
        scale.slots = OBJECTS_PER_THREAD;
        scale.min = 16;
        scale.max = 512;
    } else if (kind == KIND_HEAP) {
        scale.min = HEAP_MIN_BYTES;
        scale.max = HEAP_MAX_BYTES;
        scale.slots = x / ((scale.min + scale.max) / 2);
    } else {
        scale.slots = x;
        scale.min = SMALL_MIN_BYTES;
        scale.max = SMALL_MAX_BYTES;
    }
    run(&scale, replacements, argv[FIXED_ARGUMENTS]);
}

// Whether the memory that is available now is twice what the value needs, tables included.
static bool
fits(int argc, char **argv, int index)
{
    uint64_t x = bench_argument(argc, argv, index, 1, 1);
    enum kind kind = (enum kind)bench_word(argc, argv, 1, kind_names);
    uint64_t needed_kib = 0;
    unsigned long available_kib = ULONG_MAX;
    char line[128];
    FILE *info = fopen("/proc/meminfo", "r"); // only this parent's heap sees stdio

    if (kind == KIND_HEAP) {
        needed_kib = x / 1024;
    } else if (kind == KIND_OBJECTS) {
        needed_kib = x * (SMALL_MAX_BYTES + sizeof(void *) + sizeof(uint32_t)) / 1024;
    }
    while (info != NULL && fgets(line, sizeof line, info) != NULL) {
        if (sscanf(line, "MemAvailable: %lu", &available_kib) == 1) {
            break;
        }
    }
    if (info != NULL) {
        fclose(info);
    }
    return available_kib / 2 >= needed_kib;
}

// This program again, with the one value `x`. Returns its exit status.
static int
run_apart(char **argv, char *x)
{
    char *arguments[] = {argv[0], argv[1], argv[2], x, NULL};
    int status;
    pid_t child = fork();

    if (child < 0) {
        bench_die("fork");
    }
    if (child == 0) {
        execv("/proc/self/exe", arguments);
        bench_die("exec");
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            bench_die("waitpid");
        }
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "scale: %s %s died of signal %d\n", argv[1], x, WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status);
}

int
main(int argc, char **argv)
{
    int failures = 0;

    if (argc <= FIXED_ARGUMENTS) {
        fprintf(stderr, "usage: scale threads|heap|objects REPLACEMENTS X…\n");
        return 2;
    }
    if (argc == FIXED_ARGUMENTS + 1) {
        run_one(argc, argv);
        return 0;
    }
    for (int i = FIXED_ARGUMENTS; i < argc; i++) {
        if (fits(argc, argv, i)) {
            failures += run_apart(argv, argv[i]) != 0;
        } else {
            fprintf(stderr, "scale: %s %s: left out, too little memory\n", argv[1], argv[i]);
        }
    }
    return failures != 0;
}
