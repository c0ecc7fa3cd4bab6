// SPDX-License-Identifier: MIT
//
// apex-replay: makes the calls of a trace again, under whichever libapex is preloaded and with the
// options it finds, and notes the addresses it is given. `apexctl trace --policy` starts it; it is
// nothing for people. A program of its own, so that nothing but the trace is in its heap.
//
//   apex-replay FD     a file of struct trace_call, in which addresses are replaced
//
// One call at a time, in the order of the trace, each by the thread that made it: threads begin
// with their first call and end with their last. Whose turn it is has `turn` to itself.

#include "apexctl/trace.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct replay_thread {
    sem_t turn;
    uint32_t last; // its last call
    bool begun;
    pthread_t id;
};

static struct trace_call *calls;
static size_t count;
static struct replay_thread *threads; // by number
static size_t at;                     // the next call
static uint32_t ended;                // the thread before, if that was its last call; 0: it was not
static sem_t done;

static void
replay_fail(const char *what)
{
    perror(what);
    _exit(EXIT_FAILURE);
}

static void
replay_call(struct trace_call *call)
{
    void *p = NULL;

    switch (call->op) {
    case TRACE_ALLOC:
        p = malloc(call->requested);
        break;
    case TRACE_ZEROED:
        p = calloc(1, call->requested);
        break;
    case TRACE_ALIGNED:
        p = memalign((size_t)1 << call->align_log2, call->requested);
        break;
    case TRACE_ENTER:
        p = realloc((void *)(uintptr_t)calls[calls[call->of].of].address, call->requested);
        break;
    case TRACE_STAY:
        p = (void *)(uintptr_t)calls[calls[call->of].of].address;
        break;
    case TRACE_FREE:
        free((void *)(uintptr_t)calls[call->of].address);
        return;
    default:
        return; // LEAVE: with its ENTER
    }
    if (p == NULL && call->requested != 0) {
        replay_fail("apex-replay");
    }
    call->address = (uintptr_t)p;
    call->usable = malloc_usable_size(p);
}

static void *replay_run(void *argument);

// Gives the turn to the thread of the next call.
static void
replay_hand_over(void)
{
    if (at == count) {
        sem_post(&done);
        return;
    }
    struct replay_thread *next = &threads[calls[at].thread];
    if (!next->begun) {
        next->begun = true;
        sem_init(&next->turn, 0, 0);
        errno = pthread_create(&next->id, NULL, replay_run, next);
        if (errno != 0) {
            replay_fail("apex-replay: thread");
        }
    }
    sem_post(&next->turn);
}

static void *
replay_run(void *argument)
{
    struct replay_thread *self = argument;
    uint32_t number = (uint32_t)(self - threads);

    for (;;) {
        while (sem_wait(&self->turn) != 0) {
        }
        if (ended != 0) {
            pthread_join(threads[ended].id, NULL); // with all that its end does to the heap
            ended = 0;
        }
        while (at < count && calls[at].thread == number) {
            replay_call(&calls[at++]);
        }
        bool last = at > self->last;
        ended = last ? number : 0;
        replay_hand_over();
        if (last) {
            return NULL;
        }
    }
}

static void
replay_map(int fd)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        replay_fail("apex-replay");
    }
    count = (size_t)status.st_size / sizeof *calls;
    calls = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (calls == MAP_FAILED) {
        replay_fail("apex-replay");
    }
}

// A record for each thread, not from the heap that is looked at.
static void
replay_count_threads(void)
{
    uint32_t most = 0;

    for (size_t i = 0; i < count; i++) {
        most = calls[i].thread > most ? calls[i].thread : most;
    }
    threads = mmap(NULL, ((size_t)most + 1) * sizeof *threads, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (threads == MAP_FAILED) {
        replay_fail("apex-replay");
    }
    for (size_t i = 0; i < count; i++) {
        threads[calls[i].thread].last = (uint32_t)i;
    }
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("apex-replay is started by apexctl trace --policy\n", stderr);
        return 2;
    }
    replay_map(atoi(argv[1]));
    replay_count_threads();
    sem_init(&done, 0, 0);
    replay_hand_over();
    while (sem_wait(&done) != 0) {
    }
    _exit(EXIT_SUCCESS); // nothing is to be freed or written
}
