// SPDX-License-Identifier: MIT
//
// How many deliveries a million remote frees take, in the order of allocation or in random order:
// docs/decisions/0003. One thread allocates, another frees; the counters are those of
// malloc_info().
//
//   cc -O1 -fno-builtin -o remote_order docs/examples/remote_order.c -pthread
//   LD_PRELOAD=$PWD/build/libapex/.libs/libapex.so.0 ./remote_order | grep remote_
//   LD_PRELOAD=$PWD/build/libapex/.libs/libapex.so.0 ./remote_order random | grep remote_

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { OBJECTS = 1000000, OBJECT_BYTES = 40 };

static void *object[OBJECTS];

static void
shuffle(void)
{
    unsigned seed = 1;

    for (int i = OBJECTS - 1; i > 0; i--) {
        seed = seed * 1103515245 + 12345;
        int j = (int)((seed >> 8) % ((unsigned)i + 1));
        void *other = object[i];
        object[i] = object[j];
        object[j] = other;
    }
}

static void *
free_all(void *arg)
{
    for (int i = 0; i < OBJECTS; i++) {
        free(object[i]);
    }
    return arg;
}

int
main(int argc, char **argv)
{
    pthread_t thread;

    (void)argv;
    for (int i = 0; i < OBJECTS; i++) {
        object[i] = malloc(OBJECT_BYTES);
    }
    if (argc > 1) {
        shuffle();
    }
    if (pthread_create(&thread, NULL, free_all, NULL) != 0) {
        return 1;
    }
    pthread_join(thread, NULL);
    // Slow paths of this thread take in what came back.
    for (int i = 0; i < OBJECTS / 10; i++) {
        object[i] = malloc(OBJECT_BYTES);
    }
    return malloc_info(0, stdout);
}
