// SPDX-License-Identifier: MIT
//
// Unit test of policy/quarantine_global.c (hardened): what goes in comes out, once, at random, and
// no more stays than the bounds say; also with several threads, and in the child of a fork.
// Reason: a chunk that is lost here is leaked; one that comes out twice is a double free of ours.

#include "policy/quarantine_global.h"

#include "policy/config.h"

#include "../support/superblock.h"
#include "../support/unit.h"

#include <pthread.h>
#include <sys/wait.h>

#define CHUNKS 4000u
#define THREADS 4u

static struct block *small;
static struct block *run;
static struct rng rng;
static unsigned seen[CHUNKS]; // atomic

static struct block *
make(char *first, unsigned c)
{
    struct block *b = geometry_descriptor(first);

    block_init(b, first, c, size_classes[c].run_blocks, NULL, 7);
    for (unsigned i = 1; i < b->run_blocks; i++) {
        block_set_tail(geometry_descriptor(first + i * BLOCK_BYTES), i);
    }
    return b;
}

static int
setup_group(void **state)
{
    char *superblock = unit_superblock();

    (void)state;
    small = make(superblock + BLOCK_BYTES, 0);
    run = make(superblock + 2 * BLOCK_BYTES, CLASS_RUN);
    return 0;
}

static int
setup(void **state)
{
    (void)state;
    rng_seed(&rng, 3);
    memset(seen, 0, sizeof seen);
    return 0;
}

static struct chunk *
chunk_at(unsigned i)
{
    return (struct chunk *)(void *)(small->base + (size_t)i * small->chunk_bytes);
}

static void
see(const struct chunk *out)
{
    __atomic_fetch_add(&seen[block_chunk_index(small, out)], 1, __ATOMIC_RELAXED);
}

static unsigned
put(struct chunk *chunk, struct rng *dice)
{
    struct chunk *out;
    unsigned count = 0;

    while ((out = quarantine_global_put(chunk, dice)) != NULL) {
        see(out);
        chunk = NULL;
        count++;
    }
    return count;
}

static unsigned
take_all(void)
{
    struct chunk *out;
    unsigned count = 0;

    while ((out = quarantine_global_take(&rng)) != NULL) {
        see(out);
        count++;
    }
    return count;
}

static void
assert_each_once(void)
{
    for (unsigned i = 0; i < CHUNKS; i++) {
        assert_int_equal(seen[i], 1);
    }
}

static void
test_bound_of_objects(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CHUNKS; i++) {
        assert_int_equal(put(chunk_at(i), &rng), i >= QUARANTINE_GLOBAL_SLOTS);
    }
    assert_int_equal(take_all(), QUARANTINE_GLOBAL_SLOTS);
    assert_each_once();
}

// Here it does not matter that it is the same chunk each time.
static void
test_bound_of_bytes(void **state)
{
    struct chunk *chunk = (struct chunk *)(void *)run->base;
    uint64_t bytes_max = QUARANTINE_GLOBAL_SHARE * config_get()->quarantine;
    unsigned most = (unsigned)(bytes_max / quarantine_weight(run->size_class));
    unsigned fit = most;
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * fit; i++) {
        struct chunk *in = chunk;
        while (quarantine_global_put(in, &rng) != NULL) {
            in = NULL;
            count++;
        }
    }
    while (quarantine_global_take(&rng) != NULL) {
        count++;
        fit--;
    }
    assert_true(fit <= 1);
    assert_true(count >= 2 * most);
}

// The wait is geometrically distributed with a mean of SLOTS: of the first SLOTS chunks 1/e, 188,
// still wait when as many have come after them. The seed is fixed.
static void
test_leaves_at_random(void **state)
{
    unsigned waiting = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * QUARANTINE_GLOBAL_SLOTS; i++) {
        put(chunk_at(i), &rng);
    }
    for (unsigned i = 0; i < QUARANTINE_GLOBAL_SLOTS; i++) {
        waiting += seen[i] == 0;
    }
    assert_in_range(waiting, 150, 230);
    take_all();
}

static void *
put_share(void *number)
{
    unsigned first = (unsigned)(uintptr_t)number;
    struct rng dice;

    rng_seed(&dice, first);
    for (unsigned i = first; i < CHUNKS; i += THREADS) {
        put(chunk_at(i), &dice);
    }
    return NULL;
}

static void
test_threads(void **state)
{
    pthread_t thread[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, put_share, (void *)(uintptr_t)i), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    take_all();
    assert_each_once();
}

static void
test_fork(void **state)
{
    int status;

    (void)state;
    put(chunk_at(0), &rng);
    quarantine_global_fork_prepare();
    pid_t pid = fork();
    if (pid == 0) {
        quarantine_global_fork_child();
        _exit(quarantine_global_take(&rng) == chunk_at(0) && take_all() == 0 ? 0 : 1);
    }
    quarantine_global_fork_parent();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(take_all(), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_bound_of_objects, setup),
        cmocka_unit_test_setup(test_bound_of_bytes, setup),
        cmocka_unit_test_setup(test_leaves_at_random, setup),
        cmocka_unit_test_setup(test_threads, setup),
        cmocka_unit_test_setup(test_fork, setup),
    };
    return cmocka_run_group_tests(tests, setup_group, NULL);
}
