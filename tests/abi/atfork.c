// SPDX-License-Identifier: MIT
//
// Forks beside the libraries of atfork_lib.c, one in each run. What hangs is killed by an alarm.
//
//   atfork [plugin.so]    built with -DATFORK_ and the name of a scene

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_SECONDS = 60 };

// The child allocates, too, and on another thread: it must have found everything in order.
static void *
child_thread(void *arg)
{
    free(malloc(5000));
    return arg;
}

static void
fork_once(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        pthread_t thread;
        alarm(RUN_SECONDS);
        free(malloc(3000));
        if (pthread_create(&thread, NULL, child_thread, NULL) != 0 ||
            pthread_join(thread, NULL) != 0) {
            _exit(1);
        }
        _exit(7);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 7) {
        fprintf(stderr, "atfork: child ended with status %#x\n", (unsigned)status);
        _exit(1);
    }
}

#ifdef ATFORK_POOL
void pool_start(void);

static void
scene(char **argv)
{
    (void)argv;
    for (int i = 0; i < 100; i++) {
        pool_start();
        fork_once();
    }
}
#endif

#ifdef ATFORK_LOG
void log_line(void);

static void *
log_thread(void *arg)
{
    for (;;) {
        log_line();
    }
    return arg;
}

static void
scene(char **argv)
{
    pthread_t thread;

    (void)argv;
    for (int i = 0; i < 2; i++) {
        pthread_create(&thread, NULL, log_thread, NULL);
    }
    for (int i = 0; i < 500; i++) {
        fork_once();
    }
}
#endif

#ifdef ATFORK_CHILD
static void
scene(char **argv)
{
    (void)argv;
    fork_once();
}
#endif

#ifdef ATFORK_LATE
void late_start(void);

static void
scene(char **argv)
{
    (void)argv;
    late_start();
}
#endif

#ifdef ATFORK_START
void start_end(void);

static void
scene(char **argv)
{
    (void)argv;
    start_end();
    fork_once();
}
#endif

#ifdef ATFORK_PLUGIN
static int handled;

static void
handler(void)
{
    handled++;
    free(malloc(100));
}

// Before all constructors and before libc has an environment: libapex is started by it.
static void
register_early(void)
{
    pthread_atfork(handler, handler, NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const early)(void) = register_early;

static void
scene(char **argv)
{
    void *plugin = dlopen(argv[1], RTLD_NOW);

    if (plugin == NULL) {
        fprintf(stderr, "atfork: %s\n", dlerror());
        _exit(1);
    }
    fork_once();
    dlclose(plugin);
    if (dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL) {
        puts("the plugin is still there");
    }
    fork_once();
    void *volatile big = malloc(3000000);
    printf("%d calls, 3 MB: %s\n", handled, big != NULL ? "yes" : "no");
    free(big);
}
#endif

int
main(int argc, char **argv)
{
    (void)argc;
    alarm(RUN_SECONDS);
    scene(argv);
    puts("done");
    return 0;
}
