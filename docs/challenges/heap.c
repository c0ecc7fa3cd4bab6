// SPDX-License-Identifier: MIT
//
// For acceptance tests: a program with a heap to look at. Objects of many sizes in two threads, of
// which most are freed again; some that have runs and mappings of their own. Says `ready` and stays
// until somebody closes its standard input. Meanwhile it allocates a little, as programs do: else
// libapex would not look for apexd.

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OBJECTS = 50000, LARGEST = 4000 };

static void *
heap_fill(size_t bytes)
{
    void *object = malloc(bytes);

    if (object == NULL) {
        exit(1);
    }
    return memset(object, 1, bytes);
}

// The first eighth stays.
static void *
heap_churn(void *unused)
{
    void **object = heap_fill(OBJECTS * sizeof *object);

    for (size_t i = 0; i < OBJECTS; i++) {
        object[i] = heap_fill(1 + i * 37 % LARGEST);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (i >= OBJECTS / 8) {
            free(object[i]);
        }
    }
    return unused;
}

int
main(void)
{
    pthread_t thread;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    if (pthread_create(&thread, NULL, heap_churn, NULL) != 0 || pthread_join(thread, NULL) != 0) {
        return 1;
    }
    heap_churn(NULL);
    for (size_t bytes = 100000; bytes < 10000000; bytes *= 2) {
        heap_fill(bytes);
    }
    puts("ready");
    fflush(stdout);
    while (poll(&input, 1, 50) == 0) {
        for (int i = 0; i < 64; i++) {
            free(heap_fill(200000));
        }
    }
    return 0;
}
