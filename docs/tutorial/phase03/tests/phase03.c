// SPDX-License-Identifier: MIT
//
// Phase III: threads, forks and options. What may crash or wait for ever is done in a child.

#include "holder.h"

#include <sys/time.h>
#include <time.h>

enum { THREADS = 3, OBJECTS = 64, INTERRUPTS = 100, FORKS = 40, WAITER_SECONDS_MAX = 2 };

static atomic_bool stop;
static bool handlers_allocate;
static const struct itimerval soon = {.it_value.tv_usec = 50};

// Objects come and go, with the thread's mark in them. Ends the process when one has changed.
static void *
test_hammer(void *number)
{
    static _Thread_local unsigned char *object[OBJECTS];
    unsigned char mark = (unsigned char)(size_t)number;
    unsigned seed = mark;

    while (!atomic_load(&stop)) {
        seed = seed * 1103515245 + 12345;
        size_t i = seed / 65536 % OBJECTS;
        if (object[i] != NULL && (object[i][0] != mark || object[i][39] != mark)) {
            _exit(1);
        }
        free(object[i]);
        object[i] = malloc(40 + seed / 65536 % 3 * 100);
        if (object[i] == NULL) {
            _exit(1);
        }
        memset(object[i], mark, 40);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        free(object[i]);
        object[i] = NULL;
    }
    return NULL;
}

static void
test_begin(pthread_t *thread)
{
    atomic_store(&stop, false);
    for (size_t i = 0; i < THREADS; i++) {
        require(pthread_create(&thread[i], NULL, test_hammer, (void *)(i + 1)) == 0, "no thread");
    }
}

static void
test_end(const pthread_t *thread)
{
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
}

// Holds the interrupted thread up, wherever it is, so that others run; and will do it again.
static void
test_interrupt(int number)
{
    static int count;

    (void)number;
    if (++count == INTERRUPTS) {
        atomic_store(&stop, true);
        return;
    }
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
}

// Threads on one processor seldom meet inside of malloc: one of them is held up there on purpose.
static void
test_hammer_interrupted(void)
{
    pthread_t thread[THREADS];
    sigset_t alarm;

    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    signal(SIGALRM, test_interrupt);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    test_begin(thread);
    setitimer(ITIMER_REAL, &soon, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    test_hammer((void *)(THREADS + 1));
    test_end(thread);
    _exit(0);
}

static void
test_allocate_and_exit(void)
{
    for (size_t bytes = 1; bytes < 100000; bytes *= 3) {
        free(malloc(bytes));
    }
    _exit(0);
}

// A process of one thread forks. What goes wrong here would stop the other tests without a word.
static void
test_fork_alone(void)
{
    pid_t child = fork();

    if (child == 0) {
        for (int i = 0; i < 2; i++) {
            pid_t grandchild = fork();
            if (grandchild == 0) {
                test_allocate_and_exit();
            }
            if (holder_ending(grandchild) != HOLDER_ENDS) {
                _exit(1);
            }
        }
        test_allocate_and_exit();
    }
    require(holder_ending(child) == HOLDER_ENDS,
            "a process of one thread forks, and it or its child waits for ever");
}

static void
test_threads(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        test_hammer_interrupted();
    }
    waitpid(child, &status, 0);
    require(status == 0, "four threads that allocate at once get into each other's way");
    show("four threads allocate at once");
}

static void
test_fork(void)
{
    pthread_t thread[THREADS];

    test_begin(thread);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            test_allocate_and_exit();
        }
        enum holder_ending ending = holder_ending(child);
        require(ending != HOLDER_SLEEPS, "the child of a fork waits for ever in malloc");
        require(ending == HOLDER_ENDS, "the child of a fork dies in malloc");
    }
    test_end(thread);
    show("the child of a fork can allocate, whatever other threads did");
}

// --- Who waits is woken -----------------------------------------------------------------------

static atomic_int waiter;      // the thread that is going to wait, in the kernel's numbers
static atomic_bool waiter_may; // there is something to wait for
static atomic_bool waiter_done;

// A thread that has no memory of its own yet: whatever else a phase does, it needs the lock.
static void *
test_wait(void *unused)
{
    (void)unused;
    atomic_store(&waiter, (int)syscall(SYS_gettid));
    while (!atomic_load(&waiter_may)) {
        sched_yield();
    }
    free(malloc(100));
    atomic_store(&waiter_done, true);
    return NULL;
}

// Ends this process with 0 if the waiter sleeps while another thread has the lock, and no longer.
static void
test_wait_and_exit(void)
{
    struct timespec used = {0};
    char path[64];
    pthread_t thread;
    clockid_t clock;

    require(pthread_create(&thread, NULL, test_wait, NULL) == 0, "no thread");
    require(pthread_getcpuclockid(thread, &clock) == 0, "no clock");
    while (atomic_load(&waiter) == 0) {
        sched_yield();
    }
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&waiter));
    holder_begin();
    atomic_store(&waiter_may, true);
    for (int asleep = 0; asleep < HOLDER_ASLEEP;) {
        asleep = holder_is_asleep(path) ? asleep + 1 : 0;
        if (atomic_load(&waiter_done)) {
            _exit(4);
        }
        clock_gettime(clock, &used);
        if (used.tv_sec >= WAITER_SECONDS_MAX) {
            _exit(2); // of a processor, for nothing
        }
    }
    holder_end();
    for (int asleep = 0; asleep < HOLDER_ASLEEP && !atomic_load(&waiter_done);) {
        asleep = holder_is_asleep(path) ? asleep + 1 : 0;
    }
    _exit(atomic_load(&waiter_done) ? 0 : 3);
}

static void
test_waiting(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        test_wait_and_exit();
    }
    waitpid(child, &status, 0);
    int ended = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    require(ended != 2, "a thread that waits for the lock keeps a processor busy");
    require(ended != 3, "a thread that waits for the lock is never woken");
    require(ended != 4, "a new thread gets memory while another one has the lock");
    require(ended == 0, "a thread that waits for the lock dies");
    show("a thread that waits for the lock sleeps, and is woken");
}

// --- Fork handlers that are older than those of libtiny ---------------------------------------

static void
test_handler(void)
{
    if (handlers_allocate) {
        free(malloc(100));
    }
}

static void
test_register(void)
{
    pthread_atfork(test_handler, test_handler, test_handler);
}

// Runs before the constructors of all libraries.
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = test_register;

static void
test_handlers(void)
{
    pid_t child = fork();

    if (child == 0) {
        handlers_allocate = true;
        pid_t grandchild = fork();
        if (grandchild == 0) {
            test_allocate_and_exit();
        }
        _exit(holder_ending(grandchild) == HOLDER_ENDS ? 0 : 1);
    }
    require(holder_ending(child) == HOLDER_ENDS, "a fork handler that allocates waits for ever");
    show("a program's own fork handlers can allocate");
}

// --- Options ----------------------------------------------------------------------------------

// What the freed object has behind its link, under TINY_OPTIONS.
static int
test_filled(void)
{
    unsigned char *p = malloc(100);

    memset(p, 1, 100);
    free(p);
    return p[50];
}

static void
test_options(char *program)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        setenv("TINY_OPTIONS", "fill", 1);
        execl(program, program, "fill", (char *)NULL);
        _exit(1);
    }
    waitpid(child, &status, 0);
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0xdd,
            "TINY_OPTIONS=fill, and freed memory is not overwritten");
    require(test_filled() == 1, "freed memory is overwritten though nobody asked for it");
    show("TINY_OPTIONS=fill is obeyed");
}

int
main(int count, char **words)
{
    if (count == 2) {
        return test_filled();
    }
    test_fork_alone();
    test_threads();
    test_waiting();
    test_fork();
    test_handlers();
    test_options(words[0]);
    return 0;
}
