// SPDX-License-Identifier: MIT
//
// See bench.h.

#include "common/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

void
bench_die(const char *what)
{
    fprintf(stderr, "bench: %s%s%s\n", what, errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    exit(1);
}

uint64_t
bench_argument(int argc, char **argv, int index, uint64_t fallback, uint64_t min)
{
    char *end;

    if (index >= argc) {
        return fallback;
    }
    errno = 0;
    uint64_t value = strtoull(argv[index], &end, 10);
    const char *unit = end[0] != '\0' ? strchr("kmg", end[0]) : NULL;
    if (unit != NULL) {
        value <<= 10 * (unit - "kmg" + 1);
        end++;
    }
    if (errno != 0 || end == argv[index] || *end != '\0' || value < min) {
        fprintf(stderr, "bench: argument %d is not a number from %llu on: %s\n", index,
                (unsigned long long)min, argv[index]);
        exit(2);
    }
    return value;
}

unsigned
bench_word(int argc, char **argv, int index, const char *const *names)
{
    if (index >= argc) {
        return 0;
    }
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(argv[index], names[i]) == 0) {
            return i;
        }
    }
    fprintf(stderr, "bench: argument %d is none of its words: %s\n", index, argv[index]);
    exit(2);
}

uint64_t
bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void *
bench_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                   -1, 0);

    if (p == MAP_FAILED) {
        bench_die("mmap");
    }
    return p;
}

// Reads the start of a file of /proc; stdio would allocate. An empty text when there is none.
static void
read_start(const char *path, char *text, size_t text_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, text_bytes - 1);

    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

size_t
bench_rss_bytes(void)
{
    char text[512];
    unsigned long kib = 0;
    unsigned long pages = 0;

    // The counters in statm are per-CPU sums that may be off by half a MiB: only without the other.
    read_start("/proc/self/smaps_rollup", text, sizeof text);
    const char *line = strstr(text, "\nRss:");
    if (line != NULL && sscanf(line, " Rss: %lu", &kib) == 1) {
        return kib * 1024;
    }
    read_start("/proc/self/statm", text, sizeof text);
    if (sscanf(text, "%*u %lu", &pages) != 1) {
        bench_die("/proc/self/statm");
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void *
bench_alloc(size_t bytes)
{
    volatile char *p = malloc(bytes);

    if (p == NULL) {
        bench_die("malloc");
    }
    if (bytes != 0) {
        p[0] = 1;
        p[bytes - 1] = 1;
    }
    return (void *)(uintptr_t)p;
}

void
bench_random_start(struct bench_random *random, uint64_t seed)
{
    random->state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

struct team {
    pthread_barrier_t start;
    void (*work)(void *context, unsigned i);
    void *context;
};

struct member {
    struct team *team;
    unsigned index;
    pthread_t thread;
};

static void *
member_run(void *argument)
{
    struct member *member = argument;

    pthread_barrier_wait(&member->team->start);
    member->team->work(member->team->context, member->index);
    return NULL;
}

uint64_t
bench_parallel(unsigned count, void (*work)(void *context, unsigned i), void *context)
{
    struct team team = {.work = work, .context = context};
    struct member *members = bench_map(count * sizeof *members);

    pthread_barrier_init(&team.start, NULL, count + 1);
    for (unsigned i = 0; i < count; i++) {
        members[i].team = &team;
        members[i].index = i;
        errno = pthread_create(&members[i].thread, NULL, member_run, &members[i]);
        if (errno != 0) {
            bench_die("pthread_create");
        }
    }
    pthread_barrier_wait(&team.start);
    uint64_t begin_ns = bench_now_ns();
    for (unsigned i = 0; i < count; i++) {
        pthread_join(members[i].thread, NULL);
    }
    uint64_t end_ns = bench_now_ns();
    pthread_barrier_destroy(&team.start);
    munmap(members, count * sizeof *members);
    return end_ns - begin_ns;
}

void
bench_metric(const char *name, double value, const char *unit, bool higher_is_better)
{
    printf("metric %s %.9g %s %s\n", name, value, unit, higher_is_better ? "higher" : "lower");
}
