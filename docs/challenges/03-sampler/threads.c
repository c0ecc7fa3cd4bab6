// SPDX-License-Identifier: MIT
//
// A program of four threads with known allocations, under a library whose tiny_profile() says what
// it has allocated.

#include "known.h"

#include <errno.h>
#include <pthread.h>

enum { THREADS = 4, SMALL = 400000, LARGE = 2000, SMALL_BYTES = 64, LARGE_BYTES = 14000 };

size_t tiny_profile(size_t size) __attribute__((weak));

static void *
threads_run(void *unused)
{
    (void)unused;
    errno = 0;
    for (size_t i = 0; i < SMALL; i++) {
        free(malloc(SMALL_BYTES));
        if (i % (SMALL / LARGE) == 0) {
            free(malloc(LARGE_BYTES));
        }
    }
    require(errno == 0, "malloc changes errno to %d, and succeeds", errno);
    return NULL;
}

int
main(void)
{
    pthread_t thread[THREADS];

    require(tiny_profile != NULL, "there is no tiny_profile()");
    for (size_t i = 0; i < THREADS; i++) {
        require(pthread_create(&thread[i], NULL, threads_run, NULL) == 0, "no thread");
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    known_compare("a program of threads", SMALL_BYTES, (double)THREADS * SMALL * SMALL_BYTES,
                  (double)tiny_profile(SMALL_BYTES));
    known_compare("a program of threads", LARGE_BYTES, (double)THREADS * LARGE * LARGE_BYTES,
                  (double)tiny_profile(LARGE_BYTES));
    show("%d threads", THREADS);
    return 0;
}
