// SPDX-License-Identifier: MIT
//
// What programs do to their process while memory is in use: threads that come and go, destructors
// of thread-local data, fork under load, vfork, a clone that libc does not know of. Uses the plain
// malloc names: run under LD_PRELOAD, linked statically, and against glibc. Prints one line for
// each scene; a scene that hangs is killed by an alarm.
//
//   process [scene…]

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCENE_SECONDS = 300, WORKERS = 4 };

static atomic_bool stop;

static _Noreturn void
die(const char *what)
{
    fprintf(stderr, "process: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void *
hide(void *ptr)
{
    __asm__ volatile("" : "+r"(ptr) : : "memory");
    return ptr;
}

// Fills, checks and frees a spread of sizes. `seed` is this caller's own.
static void
churn(unsigned *seed, unsigned rounds)
{
    enum { HELD = 32 };
    unsigned char *held[HELD] = {NULL};
    size_t size[HELD] = {0};

    for (unsigned i = 0; i < rounds; i++) {
        unsigned slot = (unsigned)rand_r(seed) % HELD;
        if (held[slot] != NULL && (held[slot][0] != slot || held[slot][size[slot] - 1] != slot)) {
            die("pattern");
        }
        free(held[slot]);
        unsigned kind = (unsigned)rand_r(seed) % 100;
        unsigned most = kind < 90 ? 400 : kind < 99 ? 40000 : 2000000;
        size[slot] = 1 + (unsigned)rand_r(seed) % most;
        held[slot] = hide(malloc(size[slot]));
        if (held[slot] == NULL) {
            die("malloc");
        }
        held[slot][0] = (unsigned char)slot;
        held[slot][size[slot] - 1] = (unsigned char)slot;
    }
    for (unsigned i = 0; i < HELD; i++) {
        free(held[i]);
    }
}

static void *
worker(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg + 1;

    while (!stop) {
        churn(&seed, 100);
    }
    return NULL;
}

static void
workers_start(pthread_t *threads)
{
    stop = false;
    for (uintptr_t i = 0; i < WORKERS; i++) {
        if (pthread_create(&threads[i], NULL, worker, (void *)i) != 0) {
            die("pthread_create");
        }
    }
}

static void
workers_join(pthread_t *threads)
{
    stop = true;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void
expect_exit(pid_t pid, int code)
{
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        die("child");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) {
        fprintf(stderr, "process: child ended with status %#x\n", (unsigned)status);
        _exit(1);
    }
}

// Children of a busy process go on allocating, in the thread that forked and in new ones, free what
// their parent allocated, and fork again.
static void
scene_fork(void)
{
    pthread_t threads[WORKERS];
    char *inherited[16];

    workers_start(threads);
    for (unsigned i = 0; i < 60; i++) {
        for (unsigned j = 0; j < 16; j++) {
            inherited[j] = hide(malloc((size_t)40 << j % 12));
        }
        pid_t pid = fork();
        if (pid == 0) {
            unsigned seed = i;
            pthread_t thread;
            alarm(SCENE_SECONDS);
            churn(&seed, 300);
            stop = true;
            if (pthread_create(&thread, NULL, worker, NULL) != 0) {
                _exit(3);
            }
            for (unsigned j = 0; j < 16; j++) {
                free(inherited[j]);
            }
            pthread_join(thread, NULL);
            if (i % 8 == 0) {
                pid_t grandchild = fork();
                if (grandchild == 0) {
                    churn(&seed, 300);
                    _exit(5);
                }
                expect_exit(grandchild, 5);
            }
            _exit(7);
        }
        expect_exit(pid, 7);
        for (unsigned j = 0; j < 16; j++) {
            free(inherited[j]);
        }
    }
    workers_join(threads);
}

// Several threads fork at the same time.
static void *
forker(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < 20; i++) {
        churn(&seed, 50);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(SCENE_SECONDS);
            churn(&seed, 50);
            _exit(7);
        }
        expect_exit(pid, 7);
    }
    return NULL;
}

static void
scene_fork_from_threads(void)
{
    pthread_t threads[WORKERS];
    pthread_t forkers[WORKERS];

    workers_start(threads);
    for (uintptr_t i = 0; i < WORKERS; i++) {
        pthread_create(&forkers[i], NULL, forker, (void *)(i + 100));
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(forkers[i], NULL);
    }
    workers_join(threads);
}

// vfork borrows the whole process, thread-local data included, until exec or _exit.
static void
scene_vfork(void)
{
    static char *const argv[] = {"true", NULL};
    pthread_t threads[WORKERS];

    workers_start(threads);
    for (int i = 0; i < 50; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            free(hide(malloc(100))); // not allowed, yet done by real programs
            _exit(9);
        }
        expect_exit(pid, 9);
        if (posix_spawnp(&pid, "true", NULL, NULL, argv, environ) != 0) {
            die("posix_spawnp");
        }
        expect_exit(pid, 0);
    }
    workers_join(threads);
}

static int
clone_body(void *arg)
{
    unsigned seed = 1;

    churn(&seed, 200);
    free(*(void **)arg);
    *(void **)arg = hide(malloc(77));
    return 11;
}

// A clone past libc: no fork handlers run, the process id changes under the allocator's feet.
static void
scene_clone(void)
{
    enum { STACK = 256 << 10 };
    unsigned seed = 2;
    void *shared = hide(malloc(1000));
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (stack == MAP_FAILED) {
        die("mmap");
    }
    churn(&seed, 200);
    for (int i = 0; i < 20; i++) {
        long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0) {
            churn(&seed, 200);
            free(shared);
            _exit(13);
        }
        expect_exit((pid_t)pid, 13);
        // Shared memory, borrowed thread-local data, parent asleep: as posix_spawn does it.
        pid = clone(clone_body, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &shared);
        expect_exit((pid_t)pid, 11);
        churn(&seed, 200);
    }
    free(shared);
    munmap(stack, STACK);
}

static pthread_key_t keys[3];
static atomic_uint destroyed;

// Destructors run after the thread's function, several times over, and each allocates again.
static void
destroy_key(void *value)
{
    unsigned *left = value;
    unsigned again = *left - 1;

    destroyed++;
    free(value);
    free(hide(malloc(300)));
    for (int i = 0; i < 3; i++) {
        if (again > 0 && pthread_getspecific(keys[i]) == NULL) {
            unsigned *next = hide(malloc(sizeof *next));
            *next = again;
            pthread_setspecific(keys[i], next);
            break;
        }
    }
}

extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle;

static void
destroy_cxx(void *value)
{
    destroyed++;
    free(value);
    free(hide(calloc(3, 1000)));
}

static void *
leaver(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    void **gift = hide(malloc(20 * sizeof *gift));

    for (int i = 0; i < 3; i++) {
        unsigned *value = hide(malloc(sizeof *value));
        *value = 4;
        pthread_setspecific(keys[i], value);
    }
    __cxa_thread_atexit_impl(destroy_cxx, hide(malloc(50)), &__dso_handle);
    churn(&seed, 200);
    for (int i = 0; i < 20; i++) {
        gift[i] = hide(malloc((size_t)1 << i));
        memset(gift[i], i, (size_t)1 << i);
    }
    return gift; // freed by others, when this thread is gone
}

static void
scene_thread_exit(void)
{
    unsigned seed = 5;

    for (int i = 0; i < 3; i++) {
        pthread_key_create(&keys[i], destroy_key);
    }
    for (unsigned round = 0; round < 50; round++) {
        pthread_t threads[WORKERS];
        for (uintptr_t i = 0; i < WORKERS; i++) {
            if (pthread_create(&threads[i], NULL, leaver, (void *)(round * 10 + i)) != 0) {
                die("pthread_create");
            }
        }
        for (int i = 0; i < WORKERS; i++) {
            void **gift;
            pthread_join(threads[i], (void **)&gift);
            for (int k = 0; k < 20; k++) {
                unsigned char *bytes = gift[k];
                if (bytes[0] != k || bytes[((size_t)1 << k) - 1] != k) {
                    die("gift");
                }
                free(bytes);
            }
            free(gift);
        }
        churn(&seed, 100);
    }
    if (destroyed < 50 * WORKERS * (3 + 1)) {
        die("destructors");
    }
}

// A thread that is cancelled at some point: it never returns from its function.
static void *
canceled(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    while (!stop) {
        churn(&seed, 10);
        pthread_testcancel();
    }
    return NULL;
}

static void
scene_cancel(void)
{
    stop = false;
    for (uintptr_t i = 0; i < 100; i++) {
        pthread_t thread;
        void *result;
        if (pthread_create(&thread, NULL, canceled, (void *)i) != 0) {
            die("pthread_create");
        }
        sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, &result);
        if (result != PTHREAD_CANCELED) {
            die("cancel");
        }
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} scenes[] = {
    {"fork", scene_fork},         {"fork_from_threads", scene_fork_from_threads},
    {"vfork", scene_vfork},       {"clone", scene_clone},
    {"cancel", scene_cancel},     {"thread_exit", scene_thread_exit},
};

int
main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        bool wanted = argc == 1;
        for (int k = 1; k < argc; k++) {
            wanted = wanted || strcmp(argv[k], scenes[i].name) == 0;
        }
        if (wanted) {
            alarm(SCENE_SECONDS);
            scenes[i].run();
            printf("%s: ok\n", scenes[i].name);
            fflush(stdout);
        }
    }
    return 0;
}
