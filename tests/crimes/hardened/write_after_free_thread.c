// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. Another thread has freed the object that is written to. More threads
// come and go, so that what they leave takes the object's place where threads leave such.

#include "sized.h"

static void *
come_and_go(void *unused)
{
    enum { COUNT = 31 };
    void *p[COUNT];

    for (size_t size = 16; size <= 1024; size += 16) {
        for (unsigned i = 0; i < COUNT; i++) {
            p[i] = crime_malloc(size);
        }
        for (unsigned i = 0; i < COUNT; i++) {
            crime_free(p[i]);
        }
    }
    return unused;
}

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_free_by_thread(p);
    crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    p[size - 1] = 1;
    for (unsigned i = 0; i < 40; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, come_and_go, NULL) != 0) {
            return 1;
        }
        pthread_join(thread, NULL);
    }
    crime_reuse_all(size);
    return crime_unpunished();
}
