// SPDX-License-Identifier: MIT
//
// Makes the thread of `background_thread`; see os_thread.h.

#define _GNU_SOURCE

#include "os/os_thread.h"

#include "os/os_symbol.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

// Enough for what it calls, and for some kilobytes of the program's thread-local data, which lie on
// the same stack.
#define STACK_BYTES ((size_t)64 << 10)

typedef int thread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

struct start {
    void (*main)(void);
    const char *name;
};

// Of a program that is linked statically: there is no table of symbols to look it up in.
#ifndef PIC
extern __typeof__(pthread_create) pthread_create __attribute__((weak));
#define LINKED_CREATE pthread_create
#else
#define LINKED_CREATE NULL
#endif

static struct start start; // of the one thread there is

static void *
thread_main(void *argument)
{
    struct start *self = argument;

    prctl(PR_SET_NAME, self->name, 0, 0, 0);
    self->main();
    return NULL;
}

static int
thread_make(thread_create *create, size_t stack_bytes)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error = pthread_attr_init(&attributes);

    if (error == 0) {
        error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (error == 0 && stack_bytes != 0) {
            error = pthread_attr_setstacksize(&attributes, stack_bytes);
        }
        if (error == 0) {
            error = create(&thread, &attributes, thread_main, &start);
        }
        pthread_attr_destroy(&attributes);
    }
    return error;
}

void
os_signals_hold(sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

void
os_signals_release(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int
os_thread_start(void (*main)(void), const char *name)
{
    int saved = errno;
    thread_create *create = (thread_create *)os_symbol_find("pthread_create");
    sigset_t before;

    if (create == NULL) {
        create = LINKED_CREATE;
    }
    if (create == NULL) {
        return ENOSYS;
    }
    start = (struct start){.main = main, .name = name};
    // The thread inherits the mask: no signal of the program is ever handled in it.
    os_signals_hold(&before);
    int error = thread_make(create, STACK_BYTES);
    if (error == EINVAL) {
        error = thread_make(create, 0); // more thread-local data than fits
    }
    os_signals_release(&before);
    errno = saved;
    return error;
}
