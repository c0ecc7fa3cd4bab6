// SPDX-License-Identifier: MIT
//
// Preloaded into a real program beside libapex: when the program gets SIGUSR2, a thread of its own
// walks over all live objects and writes what it found to the file that $WALKER_FILE names. The
// handler does no more than wake that thread, for a walk is nothing for a handler.

#define _GNU_SOURCE

#include <apex.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sem_t wanted;

struct walked {
    uint64_t objects;
    uint64_t granted_bytes;
    uint64_t usable_bytes;
};

static int
walker_add(const struct apex_object *object, void *context)
{
    struct walked *walked = context;

    walked->objects++;
    walked->granted_bytes += object->granted_bytes;
    walked->usable_bytes += object->usable_bytes;
    return 0;
}

static void
walker_write(const char *path, unsigned number)
{
    struct walked walked = {0};
    char text[256];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    apex_walk(walker_add, &walked);
    int length = snprintf(text, sizeof text, "%u %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", number,
                          walked.objects, walked.granted_bytes, walked.usable_bytes);
    if (fd >= 0) {
        if (write(fd, text, (size_t)length) != length) {
            abort();
        }
        close(fd);
    }
}

static void *
walker_main(void *path)
{
    for (unsigned number = 1;; number++) {
        while (sem_wait(&wanted) != 0) {
        }
        walker_write(path, number);
    }
    return NULL;
}

static void
walker_wake(int signal)
{
    (void)signal;
    sem_post(&wanted);
}

__attribute__((constructor)) static void
walker_start(void)
{
    const char *named = getenv("WALKER_FILE");
    // A copy: a program may write its title over its environment.
    char *path = named == NULL ? NULL : strdup(named);
    struct sigaction action = {.sa_handler = walker_wake, .sa_flags = SA_RESTART};
    sigset_t all;
    sigset_t old;
    pthread_t thread;

    if (path == NULL || sem_init(&wanted, 0, 0) != 0) {
        return;
    }
    sigaction(SIGUSR2, &action, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); // the program's signals are not for this thread
    pthread_create(&thread, NULL, walker_main, path);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}
