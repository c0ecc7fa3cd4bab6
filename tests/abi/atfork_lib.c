// SPDX-License-Identifier: MIT
//
// Libraries that register fork handlers in their constructors, which come before that of libapex.
// Each is built from this file with -DATFORK_ and the name of a scene; atfork.c drives them.

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#ifdef ATFORK_POOL
// A pool of threads as OpenBLAS has one: before a fork its workers are ended. They free what they
// hold, and give up what the allocator keeps for a thread.
enum { WORKERS = 2 };

static pthread_cond_t wakes = PTHREAD_COND_INITIALIZER;
static pthread_t workers[WORKERS];
static bool stop;
static bool running;

void pool_start(void);

static void *
pool_worker(void *arg)
{
    char *volatile held = malloc(100);

    held[0] = 1;
    pthread_mutex_lock(&mutex);
    while (!stop) {
        pthread_cond_wait(&wakes, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    free(held);
    free(malloc(200000));
    return arg;
}

void
pool_start(void)
{
    stop = false;
    running = true;
    for (int i = 0; i < WORKERS; i++) {
        pthread_create(&workers[i], NULL, pool_worker, NULL);
    }
}

static void
pool_end(void)
{
    if (!running) {
        return;
    }
    pthread_mutex_lock(&mutex);
    stop = true;
    pthread_cond_broadcast(&wakes);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i], NULL);
    }
    running = false;
}

__attribute__((constructor)) static void
pool_construct(void)
{
    pthread_atfork(pool_end, NULL, NULL);
}
#endif

#ifdef ATFORK_LOG
// A log whose mutex is held across fopen, and by each fork.
void log_line(void);

void
log_line(void)
{
    pthread_mutex_lock(&mutex);
    FILE *file = fopen("/dev/null", "w");
    if (file != NULL) {
        fputs("line\n", file);
        fclose(file);
    }
    pthread_mutex_unlock(&mutex);
}

static void
log_lock(void)
{
    pthread_mutex_lock(&mutex);
}

static void
log_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void
log_construct(void)
{
    pthread_atfork(log_lock, log_unlock, log_unlock);
}
#endif

#ifdef ATFORK_CHILD
// Lets a child run main: libapex's handlers run before its constructor has.
static void
child_handler(void)
{
    free(malloc(100));
}

__attribute__((constructor)) static void
child_construct(void)
{
    int status = 0;

    pthread_atfork(child_handler, child_handler, child_handler);
    pid_t child = fork();
    if (child == 0) {
        return;
    }
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}
#endif

#ifdef ATFORK_LATE
// Forks when all destructors of libapex are over, beside threads that allocate.
enum { LATE_FORKS = 300, LATE_SECONDS = 20 };

void late_start(void);

static void *
late_thread(void *arg)
{
    for (;;) {
        void *volatile p = malloc(200000);
        free(p);
    }
    return arg;
}

void
late_start(void)
{
    pthread_t thread;

    for (int i = 0; i < 2; i++) {
        pthread_create(&thread, NULL, late_thread, NULL);
    }
}

__attribute__((destructor)) static void
late_destruct(void)
{
    for (int i = 0; i < LATE_FORKS; i++) {
        int status = 1;
        pid_t child = fork();
        if (child == 0) {
            alarm(LATE_SECONDS);
            void *volatile p = malloc(200000);
            free(p);
            _exit(p == NULL);
        }
        if (waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr, "atfork: late child ended with status %#x\n", (unsigned)status);
            _exit(1);
        }
    }
}
#endif

#ifdef ATFORK_START
// While libapex starts, another thread is in the constructor of a plugin, where dlopen has a lock
// of its own held.
enum { START_SECONDS = 60 };

static pthread_t opener;
static volatile bool opened;

void start_opened(void);
void start_end(void);

static void *
start_open(void *arg)
{
    if (dlopen(getenv("ATFORK_SLOW"), RTLD_NOW) == NULL) {
        fprintf(stderr, "atfork: %s\n", dlerror());
        _exit(1);
    }
    return arg;
}

void
start_opened(void)
{
    opened = true;
}

void
start_end(void)
{
    pthread_join(opener, NULL);
}

__attribute__((constructor)) static void
start_construct(void)
{
    alarm(START_SECONDS); // main may never be reached
    pthread_create(&opener, NULL, start_open, NULL);
    while (!opened) {
        usleep(1000);
    }
}
#endif

#ifdef ATFORK_SLOW
void start_opened(void);

static void
slow_handler(void)
{
    free(malloc(100));
}

// The main thread has time to come to libapex's constructor.
__attribute__((constructor)) static void
slow_construct(void)
{
    start_opened();
    usleep(200000);
    pthread_atfork(slow_handler, slow_handler, slow_handler);
}
#endif

#ifdef ATFORK_PLUGIN
// Opened and closed by the program: its handlers must go with it. The mutex is to keep each copy a
// library of its own.
static void
plugin_handler(void)
{
    pthread_mutex_lock(&mutex);
    free(malloc(100));
    pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void
plugin_construct(void)
{
    pthread_atfork(plugin_handler, plugin_handler, plugin_handler);
}
#endif
