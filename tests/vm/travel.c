// SPDX-License-Identifier: MIT
//
// For guest/travel.sh, on nodes 0 and 1.
//
//   travel migrate   a thread takes memory on node 0 and frees half of it, then moves to node 1 and
//                    takes on. Prints what share of that is on node 1: `local PERCENT`
//   travel pass      a thread on node 0 takes objects, which one on node 1 frees. Prints the share
//                    on node 0, and resident KiB early and late: `home PERCENT early KIB late KIB`

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE 1000
#define TAKEN 20000
#define BATCH 2000
#define BATCHES 200
#define EARLY 50 // batches after which the heap has its size
#define PAGE ((uintptr_t)4096)

static char *taken[TAKEN];
static char *passed[BATCH];
static pthread_barrier_t barrier;

static void
die(const char *what)
{
    perror(what);
    exit(2);
}

// To the first processor of the node.
static void
go_to(int node)
{
    char path[64];
    unsigned cpu = 0;
    cpu_set_t set;

    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%u", &cpu) != 1)
        die(path);
    fclose(file);
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        die("sched_setaffinity");
}

static char *
take(void)
{
    char *object = malloc(SIZE);

    if (!object)
        die("malloc");
    return memset(object, 1, SIZE);
}

static bool
is_on(int node, char *object)
{
    void *page = (void *)((uintptr_t)object & ~(PAGE - 1));
    int status = -1;

    if (syscall(SYS_move_pages, 0, 1ul, &page, NULL, &status, 0))
        die("move_pages");
    return status == node;
}

static double
share_on(int node, char **objects, size_t count)
{
    size_t hits = 0;

    for (size_t i = 0; i < count; i++)
        hits += is_on(node, objects[i]);
    return count ? 100.0 * (double)hits / (double)count : 0;
}

static void
migrate(void)
{
    go_to(0);
    for (size_t i = 0; i < TAKEN / 2; i++)
        taken[i] = take();
    for (size_t i = 0; i < TAKEN / 2; i += 2)
        free(taken[i]);
    go_to(1);
    for (size_t i = 0; i < TAKEN; i++)
        taken[i] = take();
    printf("local %.1f\n", share_on(1, taken, TAKEN));
}

static unsigned long
resident_kib(void)
{
    unsigned long size, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file || fscanf(file, "%lu %lu", &size, &pages) != 2)
        die("/proc/self/statm");
    fclose(file);
    return pages * (PAGE / 1024);
}

static void *
consume(void *unused)
{
    (void)unused;
    go_to(1);
    for (size_t i = 0; i < BATCHES; i++) {
        pthread_barrier_wait(&barrier);
        for (size_t k = 0; k < BATCH; k++)
            free(passed[k]);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void
pass(void)
{
    unsigned long early = 0;
    double home = 0;
    pthread_t consumer;

    go_to(0);
    pthread_barrier_init(&barrier, NULL, 2);
    if (pthread_create(&consumer, NULL, consume, NULL))
        die("pthread_create");
    for (size_t i = 0; i < BATCHES; i++) {
        for (size_t k = 0; k < BATCH; k++)
            passed[k] = take();
        if (i == EARLY)
            early = resident_kib();
        if (i == BATCHES - 1)
            home = share_on(0, passed, BATCH);
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
    }
    pthread_join(consumer, NULL);
    printf("home %.1f early %lu late %lu\n", home, early, resident_kib());
}

int
main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "migrate"))
        migrate();
    else if (argc == 2 && !strcmp(argv[1], "pass"))
        pass();
    else
        return 2;
    return 0;
}
