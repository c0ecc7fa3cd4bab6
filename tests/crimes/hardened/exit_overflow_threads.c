// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the object is never freed, and the process ends while another thread
// uses the heap.

#include "sized.h"

static pthread_barrier_t barrier;

static void *
use_the_heap(void *size)
{
    void *p = crime_malloc((uintptr_t)size);

    pthread_barrier_wait(&barrier);
    pause();
    return p;
}

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    if (pthread_create(&thread, NULL, use_the_heap, (void *)(uintptr_t)size) != 0) {
        return 1;
    }
    pthread_barrier_wait(&barrier);
    crime_expect_unpunished();
    p[size] ^= 1;
    return crime_unpunished();
}
