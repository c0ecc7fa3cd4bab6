// SPDX-License-Identifier: MIT
//
// Threads that allocate and free guarded objects at once, and forks meanwhile. Runs under a libtiny
// that guards each EVERYth object and has SLOTS pages, more than are live here at a time.
//
// Two threads meet in the few instructions that matter once in a million times. So signals stop
// them anywhere, and for a while: also there, sooner or later.

#include "holder.h"
#include "probe.h"

#include <time.h>

enum { EVERY = 4, SLOTS = 32, THREADS = 4, STOPS = 600, FORKS = 50, STOP_NS = 200000 };

// What one thread has allocated another may free.
static unsigned char *threads_shared[THREADS];
static pthread_t threads_all[THREADS];
static atomic_int threads_stopped; // how often one was
static atomic_bool threads_done;

static void
threads_stop(int signal)
{
    int saved = errno;

    (void)signal;
    atomic_fetch_add(&threads_stopped, 1);
    nanosleep(&(struct timespec){.tv_nsec = STOP_NS}, NULL);
    errno = saved;
}

static void
threads_free(unsigned char *p)
{
    for (int at = 0; p != NULL && at < p[0]; at++) {
        require(p[at] == p[0], "two threads have the same page");
    }
    free(p);
}

static void *
threads_run(void *seed)
{
    unsigned random = (unsigned)(size_t)seed;

    while (!atomic_load(&threads_done)) {
        random = random * 1103515245 + 12345;
        unsigned char size = (unsigned char)(random >> 16 | 1);
        unsigned char *p = malloc(size);
        memset(p, size, size);
        if (random >> 30 == 0) {
            p = __atomic_exchange_n(&threads_shared[random >> 8 & (THREADS - 1)], p,
                                    __ATOMIC_ACQ_REL);
        }
        threads_free(p);
    }
    return NULL;
}

static void
threads_begin(void)
{
    atomic_store(&threads_done, false);
    for (size_t i = 0; i < THREADS; i++) {
        require(pthread_create(&threads_all[i], NULL, threads_run, (void *)(i + 1)) == 0,
                "no thread");
    }
}

static void
threads_end(void)
{
    atomic_store(&threads_done, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads_all[i], NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        free(threads_shared[i]);
        threads_shared[i] = NULL;
    }
}

// Stops those from `from` on, up to `to`, and returns when all of them are.
static void
threads_interrupt(size_t from, size_t to)
{
    int wanted = atomic_load(&threads_stopped) + (int)(to - from);

    for (size_t i = from; i < to; i++) {
        pthread_kill(threads_all[i], SIGUSR1);
    }
    while (atomic_load(&threads_stopped) < wanted) {
        sched_yield();
    }
}

static void
threads_child(void)
{
    for (int i = 0; i < EVERY * SLOTS; i++) {
        free(probe_hidden(malloc(48)));
    }
    _exit(0);
}

// A child that waits for a thread that it has not got sleeps for ever.
static void
threads_fork(void)
{
    threads_interrupt(0, THREADS);
    pid_t child = fork();

    if (child == 0) {
        threads_child();
    }
    enum holder_ending ending = holder_ending(child);
    require(ending != HOLDER_SLEEPS,
            "a child of fork waits for ever: in the parent a thread was allocating");
    require(ending == HOLDER_ENDS, "a child of fork dies when it allocates");
}

// How many pages are free: as many objects as can be guarded at once.
static int
threads_pages(void)
{
    static char *object[2 * EVERY * SLOTS];
    int pages = 0;

    for (int i = 0; i < 2 * EVERY * SLOTS; i++) {
        object[i] = malloc(48);
        pages += probe_is_guarded(object[i], 48);
    }
    for (int i = 0; i < 2 * EVERY * SLOTS; i++) {
        free(object[i]);
    }
    return pages;
}

int
main(void)
{
    probe_begin();
    signal(SIGUSR1, threads_stop);
    threads_begin(); // libc keeps memory for threads to come
    threads_end();
    int before = threads_pages();
    threads_begin();
    for (size_t i = 0; i < STOPS; i++) {
        threads_interrupt(i % THREADS, i % THREADS + 1);
    }
    for (int i = 0; i < FORKS; i++) {
        threads_fork();
    }
    threads_end();
    int after = threads_pages();
    require(after == before, "of %d free pages %d are left when threads have used them at once",
            before, after);
    show("%d threads, %d forks", THREADS, FORKS);
    return 0;
}
