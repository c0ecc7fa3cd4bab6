// SPDX-License-Identifier: MIT
//
// A thread is created, allocates some small objects, frees them and is joined, thousands of times
// in a row: what an allocator's heap of a thread costs to set up and to take down. Most of the
// time is the system's and libc's, the same for all.
//
// Idea: servers with one thread for each request.
//
//   threadlife THREADS OBJECTS

#include "common/object.h"

#include <errno.h>
#include <pthread.h>

#define MAX_OBJECTS 1000u

static size_t object_count;

static void *
live(void *unused)
{
    void *objects[MAX_OBJECTS];

    for (size_t i = 0; i < object_count; i++) {
        objects[i] = object_new(16 + i % 16 * 16);
    }
    for (size_t i = 0; i < object_count; i++) {
        object_free(objects[i]);
    }
    return unused;
}

int
main(int argc, char **argv)
{
    uint64_t threads = bench_argument(argc, argv, 1, 20000, 1);

    object_count = bench_argument(argc, argv, 2, 100, 1);
    if (object_count > MAX_OBJECTS) {
        bench_die("too many objects for one thread");
    }
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < threads; i++) {
        pthread_t thread;
        errno = pthread_create(&thread, NULL, live, NULL);
        if (errno != 0) {
            bench_die("pthread_create");
        }
        pthread_join(thread, NULL);
    }
    bench_metric("time", (double)(bench_now_ns() - begin_ns) / (double)threads, "ns", false);
    return 0;
}
