// SPDX-License-Identifier: MIT
//
// Threads that are moved between four NUMA nodes at random, as by a scheduler without sense, take
// objects, hand half of them to each other, free what they were handed, and exit; others fork
// meanwhile. The nodes are the test's (--wrap=os_numa_node, and a folder in place of the kernel's).
// Reason: a block changes owners and lists when its thread moves, and every one of them must be in
// the list of its node, whatever happens at the same time.

#include "policy/heaps.h"
#include "policy/numa.h"
#include "policy/pool.h"

#include "apex.h"
#include "../support/expect.h"
#include "../support/nodes.h"

#include <sys/wait.h>

#define NODES 4
#define THREADS 6
#define GENERATIONS (UNDER_TSAN ? 3 : 12)
#define STEPS 6000
#define OBJECTS 400
#define SHELF 512

static __thread unsigned node_of_thread;
static void *shelf[SHELF]; // atomic: objects on their way from one thread to another

unsigned __wrap_os_numa_node(void);

unsigned
__wrap_os_numa_node(void)
{
    return node_of_thread;
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static unsigned
size_at_random(uint32_t *seed)
{
    uint32_t r = next_random(seed);
    return r % 50 == 0 ? 70000 + r % 200000 : 16 + r % 3000;
}

static void *
wanderer_main(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    void *objects[OBJECTS] = {NULL};

    node_of_thread = seed % NODES;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned at = next_random(&seed) % OBJECTS;
        if (next_random(&seed) % 200 == 0) {
            node_of_thread = next_random(&seed) % (NODES + 1); // one of them is not there
        }
        if (objects[at] != NULL && next_random(&seed) % 2 == 0) {
            objects[at] = exchange_acq_rel(&shelf[next_random(&seed) % SHELF], objects[at]);
        }
        apex_free(objects[at]);
        unsigned size = size_at_random(&seed);
        objects[at] = apex_malloc(size);
        expect(objects[at] != NULL);
        memset(objects[at], (int)seed, size < 64 ? size : 64);
    }
    heap_audit(heap_self.heap);
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    return NULL;
}

static void
generation(unsigned number)
{
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = thread_start(wanderer_main, (void *)(uintptr_t)(number * THREADS + i + 1));
    }
    if (number % 4 == 1) {
        pid_t child = fork();
        if (child == 0) {
            wanderer_main((void *)(uintptr_t)77);
            pool_audit();
            _exit(0);
        }
        int status;
        expect(waitpid(child, &status, 0) == child && status == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
    }
    pool_audit();
}

static void
books(struct apex_stats_node *sum)
{
    memset(sum, 0, sizeof *sum);
    for (unsigned home = 0; home < NUMA_HOMES; home++) {
        struct apex_stats_node node;
        if (pool_home_stats(home, &node)) {
            sum->mapped += node.mapped;
            sum->active += node.active;
            sum->dirty += node.dirty;
            sum->retained += node.retained;
            sum->refills_local += node.refills_local;
            sum->refills_remote += node.refills_remote;
            sum->frees_same += node.frees_same;
            sum->frees_cross += node.frees_cross;
            sum->switches += node.switches;
        }
    }
}

int
main(void)
{
    struct apex_stats_process process;
    struct apex_stats_node sum;
    struct nodes nodes;

    nodes_begin(&nodes, "0-3\n", "0-3\n", "0-3\n");
    for (unsigned n = 0; n < NODES; n++) {
        nodes_node(&nodes, n, "0-7\n", "10 20 20 20\n");
    }
    nodes_allow(&nodes, "0-7", "0-3");
    numa_start(nodes.root);
    expect(numa_many == 1);
    for (unsigned i = 0; i < GENERATIONS; i++) {
        generation(i);
    }
    for (unsigned i = 0; i < SHELF; i++) {
        apex_free(shelf[i]);
    }
    heap_collect(heap_self.heap);
    books(&sum);
    pool_stats(&process);
    expect(sum.mapped == process.superblocks * SUPERBLOCK_BYTES);
    expect(sum.active == process.active - process.large);
    expect(sum.retained == process.retained);
    expect(sum.switches > 0 && sum.frees_same > 0 && sum.frees_cross > 0);
    expect(sum.refills_local > sum.refills_remote && sum.refills_remote > 0);
    pool_trim(0);
    pool_audit();
    books(&sum);
    expect(sum.dirty == 0);
    nodes_end(&nodes);
    return 0;
}
