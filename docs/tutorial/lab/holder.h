// SPDX-License-Identifier: MIT
//
// For tests of who waits for whom: a thread that holds libtiny's lock until it is told to go on,
// and whether a process ends or sleeps. No clock decides: a thread that runs on a busy machine is
// slow, but not asleep.

#ifndef TINY_LAB_HOLDER_H
#define TINY_LAB_HOLDER_H

#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum holder_ending { HOLDER_ENDS, HOLDER_DIES, HOLDER_SLEEPS };

enum { HOLDER_ASLEEP = 1000 }; // looks in a row that find it asleep

void tiny_picture(int fd) __attribute__((weak));

// Whether the thread with this file in /proc sleeps just now. Allocates nothing.
static inline bool
holder_is_asleep(const char *path)
{
    char text[512];
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    close(fd);
    if (length <= 0) {
        return false;
    }
    text[length] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && name_end[2] == 'S';
}

// How a child of ours goes on: it ends, or its first thread falls asleep, and it is killed.
static inline enum holder_ending
holder_ending(pid_t child)
{
    char path[64];
    int status = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", child);
    for (int asleep = 0; asleep < HOLDER_ASLEEP; sched_yield()) {
        if (waitpid(child, &status, WNOHANG) == child) {
            return status == 0 ? HOLDER_ENDS : HOLDER_DIES;
        }
        asleep = holder_is_asleep(path) ? asleep + 1 : 0;
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return HOLDER_SLEEPS;
}

static atomic_int holder_thread;
static pthread_t holder_joins;
static int holder_pipe; // its end for reading

// Draws the heap into a pipe that takes nothing more, and so keeps the lock.
static inline void *
holder_run(void *pipe_end)
{
    atomic_store(&holder_thread, (int)syscall(SYS_gettid));
    tiny_picture((int)(size_t)pipe_end);
    return NULL;
}

// From now on a thread of this process holds libtiny's lock.
static inline void
holder_begin(void)
{
    char bytes[4096] = "", path[64];
    int full[2];

    require(tiny_picture != NULL && pipe(full) == 0, "there is no tiny_picture()");
    fcntl(full[1], F_SETFL, O_NONBLOCK);
    while (write(full[1], bytes, sizeof bytes) > 0) {
    }
    fcntl(full[1], F_SETFL, 0);
    holder_pipe = full[0];
    require(pthread_create(&holder_joins, NULL, holder_run, (void *)(size_t)full[1]) == 0,
            "no thread");
    while (atomic_load(&holder_thread) == 0) {
        sched_yield();
    }
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&holder_thread));
    for (int asleep = 0; asleep < HOLDER_ASLEEP;) {
        asleep = holder_is_asleep(path) ? asleep + 1 : 0;
    }
}

// Reads what is in the pipe, so that the picture has room: the thread releases the lock and exits.
static inline void
holder_end(void)
{
    char bytes[4096];

    fcntl(holder_pipe, F_SETFL, O_NONBLOCK);
    while (read(holder_pipe, bytes, sizeof bytes) > 0) {
    }
    pthread_join(holder_joins, NULL);
}

#endif
