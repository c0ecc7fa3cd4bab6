// SPDX-License-Identifier: MIT
//
// "The binding is correct, the cache defeats it": a thread on each node, pinned there, takes
// memory, writes to it and frees it. In each round the threads free the objects that their
// neighbour on the next node took, which are then what an allocator hands out again, to whoever
// asks. After some rounds they exit, and others follow, each on another node than the one whose
// place it takes. At the end each takes and touches objects once more; the kernel is asked on which
// node their pages are.
//
//   placement [ROUNDS [OBJECTS]]    of each generation of threads, of each thread
//
// Prints a line a node and `own PERCENT`, the share of pages that are on the node of the thread
// that took them. No other allocator than malloc is called, so it can be run under any.

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODES 64
#define LIMIT 1024 // numbers of nodes
#define PAGE ((uintptr_t)4096)
#define BATCH 256
#define GENERATIONS 4

struct place {
    int node, cpu;
};

struct worker {
    pthread_t thread;
    struct place at;
    unsigned index, seed;
    bool last;
    char **objects;
    size_t pages, own;
};

static struct place places[NODES];
static struct worker workers[NODES];
static unsigned nodes;
static size_t rounds = 5, objects = 3000;
static pthread_barrier_t barrier;

static void
die(const char *what)
{
    perror(what);
    exit(2);
}

// The first processor of the node, or -1.
static int
first_cpu(int node)
{
    char path[96];
    int cpu = -1;

    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    if (fscanf(file, "%d", &cpu) != 1)
        cpu = -1;
    fclose(file);
    return cpu;
}

// Nodes that have both memory and processors.
static void
find_nodes(void)
{
    for (int node = 0; node < LIMIT && nodes < NODES; node++) {
        int cpu = first_cpu(node);
        unsigned long kib = 0;
        char path[96], line[256];

        snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", node);
        FILE *file = cpu < 0 ? NULL : fopen(path, "r");
        if (!file)
            continue;
        if (fgets(line, sizeof line, file))
            sscanf(line, "Node %*d MemTotal: %lu", &kib);
        fclose(file);
        if (kib)
            places[nodes++] = (struct place){node, cpu};
    }
}

static size_t
random_size(struct worker *worker)
{
    worker->seed = worker->seed * 1103515245u + 12345u;
    unsigned value = worker->seed >> 8;

    // Mostly small, some of many pages.
    return value % 64 == 0 ? 4096 + value % 65536 : 16 + value % 2000;
}

static void
take(struct worker *worker)
{
    for (size_t i = 0; i < objects; i++) {
        size_t size = random_size(worker);

        worker->objects[i] = malloc(size);
        if (!worker->objects[i])
            die("malloc");
        memset(worker->objects[i], (int)i, size);
    }
}

static void
give(struct worker *worker)
{
    for (size_t i = 0; i < objects; i++)
        free(worker->objects[i]);
}

// Asks where the first page of each object is, in batches.
static void
ask(struct worker *worker)
{
    void *pages[BATCH];
    int status[BATCH];

    for (size_t i = 0; i < objects;) {
        size_t count = 0;

        for (; count < BATCH && i < objects; i++)
            pages[count++] = (void *)((uintptr_t)worker->objects[i] & ~(PAGE - 1));
        if (syscall(SYS_move_pages, 0, count, pages, NULL, status, 0))
            die("move_pages");
        for (size_t k = 0; k < count; k++) {
            worker->pages++;
            worker->own += status[k] == worker->at.node;
        }
    }
}

static void *
work(void *data)
{
    struct worker *self = data, *next = &workers[(self->index + 1) % nodes];
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)self->at.cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        die("sched_setaffinity");
    self->seed = self->index + 1;
    self->objects = malloc(objects * sizeof *self->objects);
    for (size_t i = 0; i < rounds; i++) {
        pthread_barrier_wait(&barrier);
        take(self);
        pthread_barrier_wait(&barrier);
        give(next);
    }
    pthread_barrier_wait(&barrier);
    if (!self->last) {
        free(self->objects);
        return NULL;
    }
    take(self);
    pthread_barrier_wait(&barrier);
    ask(self);
    return NULL;
}

static void
run_generation(unsigned generation)
{
    for (unsigned i = 0; i < nodes; i++) {
        workers[i] = (struct worker){.index = i,
                                     .at = places[(i + generation) % nodes],
                                     .last = generation == GENERATIONS - 1};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            die("pthread_create");
    }
    for (unsigned i = 0; i < nodes; i++)
        pthread_join(workers[i].thread, NULL);
}

int
main(int argc, char **argv)
{
    size_t pages = 0, own = 0;

    if (argc > 1)
        rounds = strtoul(argv[1], NULL, 0);
    if (argc > 2)
        objects = strtoul(argv[2], NULL, 0);
    find_nodes();
    if (nodes == 0 || objects == 0) {
        fputs("placement: no node, or no objects\n", stderr);
        return 2;
    }
    pthread_barrier_init(&barrier, NULL, nodes);
    for (unsigned i = 0; i < GENERATIONS; i++)
        run_generation(i);
    for (unsigned i = 0; i < nodes; i++) {
        printf("node %d: %zu of %zu\n", workers[i].at.node, workers[i].own, workers[i].pages);
        pages += workers[i].pages;
        own += workers[i].own;
    }
    printf("own %.1f\n", 100.0 * (double)own / (double)pages);
    return 0;
}
