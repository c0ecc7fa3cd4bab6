// SPDX-License-Identifier: MIT
//
// A program that loses objects, and knows which. Runs under the leak finder and libapex.
//
//   accept          asks the leak finder, case by case
//   accept exit     loses some, says on stdout what is to be said of it, and ends

#include "leak.h"
#include "test.h"

#include <apex.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#pragma weak leak_mark
#pragma weak leak_report
#pragma weak apex_walk

enum { KNOWN = 1000, MANY = 300000, THREADS = 4, SIZES_MAX = 64, CPU_S = 20 };

static struct row {
    size_t bytes, count;
} lost[SIZES_MAX], said[SIZES_MAX];
static size_t lost_sizes, said_sizes;
static const char *name; // of the case

static void *
lose(size_t bytes, size_t count)
{
    void *p = NULL;
    size_t i = 0;

    for (size_t n = 0; n < count; n++) {
        p = malloc(bytes);
        require(p != NULL, "no memory");
    }
    while (i < lost_sizes && lost[i].bytes != malloc_usable_size(p)) {
        i++;
    }
    lost_sizes += i == lost_sizes ? 1 : 0;
    lost[i].bytes = malloc_usable_size(p);
    lost[i].count += count;
    return p;
}

static void
begin(const char *what)
{
    name = what;
    lost_sizes = 0;
    memset(lost, 0, sizeof lost);
    leak_mark();
}

static void
take_row(size_t bytes, size_t count, void *context)
{
    (void)context;
    require(said_sizes < SIZES_MAX, "%s: it names more sizes than there are", name);
    said[said_sizes++] = (struct row){bytes, count};
}

static size_t
said_of(size_t bytes)
{
    size_t count = 0;

    for (size_t i = 0; i < said_sizes; i++) {
        count += said[i].bytes == bytes ? said[i].count : 0;
    }
    return count;
}

static void
check(void)
{
    size_t total = 0;

    said_sizes = 0;
    size_t result = leak_report(take_row, NULL);
    for (size_t i = 0; i < lost_sizes; i++) {
        total += lost[i].count;
        require(said_of(lost[i].bytes) == lost[i].count,
                "%s: %zu objects of %zu bytes are lost, and it says %zu", name, lost[i].count,
                lost[i].bytes, said_of(lost[i].bytes));
    }
    require(said_sizes == lost_sizes, "%s: it names %zu sizes, and objects of %zu are lost", name,
            said_sizes, lost_sizes);
    require(result == total, "%s: %zu objects are lost, and it returns %zu", name, total, result);
    for (size_t i = 1; i < said_sizes; i++) {
        size_t before = said[i - 1].bytes * said[i - 1].count;
        size_t bytes = said[i].bytes * said[i].count;
        require(before > bytes || (before == bytes && said[i - 1].bytes > said[i].bytes),
                "%s: it names %zu bytes behind %zu", name, bytes, before);
    }
}

static const size_t sizes[] = {20000, 24, 200, 1000, 3 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void
test_known(void)
{
    void *freed[KNOWN];

    for (size_t i = 0; i < SIZES; i++) {
        for (size_t n = 0; n < KNOWN / (i == SIZES - 1 ? 100 : 1); n++) {
            require(malloc(sizes[i]) != NULL, "no memory");
        }
    }
    begin("objects that were live at the mark");
    for (size_t n = 0; n < KNOWN; n++) {
        freed[n] = malloc(sizes[n % (SIZES - 1)]);
    }
    lose(20000, 3);
    lose(24, 70);
    lose(200, 9);
    lose(1000, 21);
    lose(3 << 20, 2);
    lose(2000, 1);
    for (size_t n = 0; n < KNOWN; n++) {
        free(freed[n]);
    }
    check();
    begin("a second mark");
    check();
}

// Who looks at addresses only takes them for those that were there before.
static void
test_reused(void)
{
    void *old[KNOWN];

    for (size_t n = 0; n < KNOWN; n++) {
        old[n] = malloc(n % 2 == 0 ? 200 : 40000);
    }
    begin("objects at addresses of freed ones");
    for (size_t n = 0; n < KNOWN; n++) {
        free(old[n]);
    }
    lose(200, KNOWN / 2);
    lose(40000, KNOWN / 2);
    check();
}

static void
test_resized(void)
{
    void *old[KNOWN];

    for (size_t n = 0; n < KNOWN; n++) {
        old[n] = malloc(n % 2 == 0 ? 24 : 1000);
    }
    begin("objects that realloc has moved, and others at their old addresses");
    for (size_t n = 0; n < KNOWN; n++) {
        old[n] = realloc(old[n], n % 2 == 0 ? 5000 : 999); // the latter stay where they are
    }
    struct row moved = {malloc_usable_size(old[0]), KNOWN / 2};
    lose(24, KNOWN / 2);
    lost[lost_sizes++] = moved;
    check();
}

static void *thread_old[THREADS][KNOWN];
static pthread_barrier_t marked;

static void *
thread_run(void *context)
{
    void **old = context;

    pthread_barrier_wait(&marked);
    pthread_barrier_wait(&marked);
    for (size_t n = 0; n < KNOWN; n++) {
        free(old[n]);
        free(malloc(n));
        require(malloc(104) != NULL, "no memory");
    }
    return NULL;
}

static void
test_threads(void)
{
    pthread_t thread[THREADS];

    pthread_barrier_init(&marked, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS * KNOWN; i++) {
        thread_old[i % THREADS][i / THREADS] = malloc(104); // neighbours are different threads'
    }
    for (size_t t = 0; t < THREADS; t++) {
        require(pthread_create(&thread[t], NULL, thread_run, thread_old[t]) == 0, "no thread");
    }
    pthread_barrier_wait(&marked);
    begin("threads that free what they share");
    pthread_barrier_wait(&marked);
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
    }
    lost[0] = (struct row){malloc_usable_size(malloc(104)), THREADS * KNOWN + 1};
    lost_sizes = 1;
    check();
}

static int
test_count(const struct apex_object *object, void *count)
{
    (void)object;
    ++*(size_t *)count;
    return 0;
}

static void
test_own_memory(void)
{
    size_t before = 0, after = 0;

    apex_walk(test_count, &before);
    begin("");
    said_sizes = 0;
    leak_report(take_row, NULL);
    apex_walk(test_count, &after);
    require(after == before, "it has %zd objects of its own in the heap that it looks at",
            (ssize_t)(after - before));
}

static void
test_too_slow(int signal)
{
    static const char text[] = "FAIL: with 300000 live objects it takes more than 20 s of a "
                               "processor\n";

    (void)signal;
    _exit(write(STDOUT_FILENO, text, sizeof text - 1) > 0);
}

static void
test_many(void)
{
    static void *old[MANY];

    signal(SIGXCPU, test_too_slow);
    setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_S, CPU_S + 5});
    for (size_t n = 0; n < MANY; n++) {
        old[n] = malloc(16 + n % 32);
    }
    begin("300000 live objects");
    for (size_t n = 0; n < MANY; n += 2) {
        free(old[n]);
    }
    lose(48, MANY / 2);
    check();
}

static void
say_at_exit(void)
{
    char line[80];
    void *p = NULL;

    for (size_t n = 0; n < 7; n++) {
        free(malloc(100));
        p = malloc(100);
    }
    int length = snprintf(line, sizeof line, "leak: 7 objects of %zu bytes\n",
                          malloc_usable_size(p));
    (void)!write(STDOUT_FILENO, line, (size_t)length);
}

int
main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        say_at_exit();
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    require(leak_mark != NULL && leak_report != NULL && apex_walk != NULL,
            "leak_mark and leak_report are not exported");
    test_known();
    test_reused();
    test_resized();
    test_threads();
    test_own_memory();
    test_many();
    show("every lost object by size, with 300000 that were live at the mark, in 4 threads, and "
         "no object of its own");
    return 0;
}
