// SPDX-License-Identifier: MIT
//
// Makes each single call to the operating system fail: for n = 1, 2, 3… a scenario runs with its
// n-th call refused, until it runs through without a refusal. Then the same with every call from
// the n-th on refused, as when memory has run out. Reason: code for failures that never happen is
// wrong more often than not. malloc must answer NULL and ENOMEM, nothing may crash, what lives must
// keep its contents, and when memory is back all must go on: nothing may be lost by a failure.
//
//   nth_failure_test [scenario [n once|from]]   all scenarios, or one, or one with one n
//
// Each n is a new program, and counting starts before its first constructor: what the first malloc
// of a process asks of the kernel is asked only once.

#include "apex.h"
#include "os/os_fault.h"
#include "../support/expect.h"

#include <errno.h>
#include <sys/wait.h>

#define OBJECTS 600
#define CALLS_MAX 2000 // a scenario that still fails at this n never runs through
#define ERRNO_MARK 4711

static void *objects[OBJECTS];
static size_t sizes[OBJECTS];
static unsigned long refusals; // NULLs that the scenario was given

// A result of the allocator: either an object, which is filled, or NULL with ENOMEM.
static void
take(unsigned i, void *p, size_t size)
{
    if (p == NULL) {
        expect(errno == ENOMEM);
        refusals++;
    } else {
        expect(errno == ERRNO_MARK);
        pattern_fill(p, size);
    }
    objects[i] = p;
    sizes[i] = size;
    errno = ERRNO_MARK;
}

static void
give(unsigned i)
{
    if (objects[i] != NULL) {
        pattern_expect(objects[i], sizes[i]);
        apex_free(objects[i]);
        expect(errno == ERRNO_MARK);
        objects[i] = NULL;
    }
}

static void
give_all(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        give(i);
    }
}

static void
scenario_small(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        take(i, apex_malloc(i), i);
    }
    for (unsigned i = 0; i < OBJECTS; i += 2) {
        give(i);
    }
    for (unsigned i = 0; i < OBJECTS; i += 2) {
        take(i, apex_malloc(2 * i), 2 * i);
    }
}

static void
scenario_medium(void)
{
    for (unsigned i = 0; i < 100; i++) {
        take(i, apex_malloc(i * 700), i * 700);
    }
}

static void
scenario_runs(void)
{
    for (unsigned i = 0; i < 40; i++) {
        size_t size = (70 + 24 * (size_t)i) << 10;
        take(i, apex_malloc(size), size);
        if (i % 3 == 2) {
            give(i - 1);
        }
    }
}

static void
scenario_large(void)
{
    for (unsigned i = 0; i < 12; i++) {
        size_t size = (size_t)(i + 1) << 20;
        take(i, apex_malloc(size + 1), size);
    }
    for (unsigned i = 0; i < 12; i += 2) {
        give(i);
    }
    for (unsigned i = 0; i < 12; i += 2) {
        size_t size = (size_t)(i + 2) << 20;
        take(i, apex_malloc(size), size);
    }
}

static void
scenario_aligned(void)
{
    for (unsigned i = 0; i < 24; i++) {
        size_t align = (size_t)1 << i;
        take(i, apex_memalign(align, 100 + i * 1000), 100 + i * 1000);
        expect(((uintptr_t)objects[i] & (align - 1)) == 0);
    }
}

static void
scenario_zeroed(void)
{
    for (unsigned i = 0; i < 30; i++) {
        size_t size = (size_t)50 << (i / 2);
        unsigned char *p = apex_calloc(1, size);
        for (size_t k = 0; p != NULL && k < size; k++) {
            expect(p[k] == 0);
        }
        take(i, p, size);
        if (i % 2 == 1) {
            give(i);
        }
    }
}

// Grows and shrinks one object through all kinds. A refusal must leave it as it was.
static void
scenario_resize(void)
{
    static const size_t steps[] = {24,      200,     3000,     60000,   100000, 900000,
                                   1100000, 5 << 20, 12 << 20, 6 << 20, 80000,  5 << 20,
                                   5000,    3 << 20, 30 << 20, 200,     0};

    take(0, apex_malloc(10), 10);
    for (unsigned i = 0; objects[0] != NULL && steps[i] != 0; i++) {
        void *old = objects[0];
        size_t kept = sizes[0] < steps[i] ? sizes[0] : steps[i];
        unsigned char *p;

        pattern_expect(old, sizes[0]);
        p = apex_realloc(old, steps[i]);
        if (p == NULL) {
            expect(errno == ENOMEM);
            errno = ERRNO_MARK;
            refusals++;
            pattern_expect(old, sizes[0]);
            continue;
        }
        expect(errno == ERRNO_MARK);
        for (size_t k = 0; k < kept; k += pattern_stride(sizes[0])) {
            expect(p[k] == pattern_byte(old, k));
        }
        objects[0] = p;
        sizes[0] = steps[i];
        pattern_fill(p, steps[i]);
    }
}

static void *
thread_main(void *argument)
{
    unsigned first = (unsigned)(uintptr_t)argument;

    errno = ERRNO_MARK;
    for (unsigned i = first; i < first + 100; i++) {
        take(i, apex_malloc(i * 11), i * 11);
    }
    for (unsigned i = first; i < first + 100; i += 3) {
        give(i);
    }
    return NULL;
}

// One thread after the other, so that the n-th call is the same in each run. What they leave is
// freed by main.
static void
scenario_threads(void)
{
    for (unsigned i = 0; i < 5; i++) {
        thread_join(thread_start(thread_main, (void *)(uintptr_t)(i * 100)));
        for (unsigned k = i * 100; k < i * 100 + 50; k++) {
            give(k);
        }
    }
}

// Gives back as much as can be, again and again.
static void
scenario_purge(void)
{
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 60; i++) {
            size_t size = (size_t)1 << (i % 22);
            take(i, apex_malloc(size), size);
        }
        for (unsigned i = 0; i < 60; i++) {
            give(i);
        }
        apex_malloc_trim(0);
        expect(errno == ERRNO_MARK);
    }
}

static const struct scenario {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"small", scenario_small},   {"medium", scenario_medium},   {"runs", scenario_runs},
    {"large", scenario_large},   {"aligned", scenario_aligned}, {"zeroed", scenario_zeroed},
    {"resize", scenario_resize}, {"threads", scenario_threads}, {"purge", scenario_purge},
};

#define SCENARIO_COUNT (sizeof scenarios / sizeof scenarios[0])

// After the failure: the same scenario, with memory, must succeed in full, several times over, and
// the heap must be as large afterwards as it is when nothing ever failed.
static void
recover(const struct scenario *s)
{
    struct apex_stats early = {.size_bytes = sizeof early};
    struct apex_stats late = {.size_bytes = sizeof late};

    give_all();
    os_fault_after(-1);
    refusals = 0;
    for (unsigned i = 0; i < 4; i++) {
        s->run();
        give_all();
        expect(refusals == 0);
        if (i == 0) {
            expect(apex_stats_get(&early) == 0);
        }
    }
    expect(apex_stats_get(&late) == 0);
    expect_at_most(late.active_bytes, early.active_bytes + (1u << 20));
    expect_at_most(late.mapped_bytes, early.mapped_bytes + (8u << 20));
    // A record or two, and a leaf of the registry if a mapping came to lie in another 4 GiB; and
    // block 0 of each superblock that there is more.
    uint64_t allowed = early.metadata_bytes + 1024 + 2 * 8192;
    if (late.mapped_bytes > early.mapped_bytes) {
        allowed += (late.mapped_bytes - early.mapped_bytes) / 64; // a block of 64
    }
    expect_at_most(late.metadata_bytes, allowed);
    expect_at_most(late.large_count, 0);
    expect_at_most(late.large_bytes, 0);
    apex_malloc_trim(0);
    expect(apex_stats_get(&late) == 0);
    expect_at_most(late.dirty_bytes, 64u << 10);
    expect_at_most(late.allocated_bytes, 4u << 20); // settled by block: live ones may be missing
}

static void
fault_set(const char *n, const char *how)
{
    if (strcmp(how, "from") == 0) {
        os_fault_from(strtol(n, NULL, 10));
    } else {
        os_fault_after(strtol(n, NULL, 10));
    }
}

// Runs before every constructor, that of libapex included.
static void
fault_set_early(int argc, char **argv, char **environment)
{
    (void)environment;
    if (argc == 4) {
        fault_set(argv[2], argv[3]);
    }
}

__attribute__((section(".preinit_array"),
               used)) static void (*const early)(int, char **, char **) = fault_set_early;

// Exit code 0: a call was refused, and all went well. 42: the scenario made fewer than n calls.
static int
run_one(const struct scenario *s)
{
    long refused;

    errno = ERRNO_MARK;
    s->run();
    refused = os_fault_refused();
    expect(refused > 0 || refusals == 0);
    recover(s);
    return refused > 0 ? 0 : 42;
}

static int
spawn(const struct scenario *s, long n, const char *how)
{
    char number[24];
    int status = 0;
    pid_t child;

    snprintf(number, sizeof number, "%ld", n);
    child = fork();
    expect(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "nth_failure_test", s->name, number, how, (char *)NULL);
        _exit(127);
    }
    expect(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Runs the scenario for n = 1, 2, 3… Returns how many n there were; 0 when one of them failed.
static long
run_all(const struct scenario *s, const char *how)
{
    for (long n = 1; n < CALLS_MAX; n++) {
        int status = spawn(s, n, how);

        if (status == 42) {
            return n - 1;
        }
        if (status != 0) {
            printf("FAIL: exit status %d; replay: nth_failure_test %s %ld %s\n", status, s->name, n,
                   how);
            return 0;
        }
    }
    printf("FAIL: %s does not run through after %d calls\n", s->name, CALLS_MAX);
    return 0;
}

int
main(int argc, char **argv)
{
    int failures = 0;

    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        const struct scenario *s = &scenarios[i];
        if (argc > 1 && strcmp(argv[1], s->name) != 0) {
            continue;
        }
        // ThreadSanitizer takes a second to start a program, and has to do with threads only.
        if (argc == 1 && UNDER_TSAN && s->run != scenario_threads) {
            continue;
        }
        if (argc == 4) {
            return run_one(s);
        }
        long single = run_all(s, "once");
        long from = run_all(s, "from");
        printf("%s: each of %ld calls failed once; memory ran out at each of %ld\n", s->name,
               single, from);
        fflush(stdout);
        failures += single == 0 || from == 0;
    }
    return failures == 0 ? 0 : 1;
}
