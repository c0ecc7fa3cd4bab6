// SPDX-License-Identifier: MIT
//
// What stays resident when a program frees nearly all it has: docs/decisions/0007. Prints VmRSS at
// four moments. Run it under any allocator:
//
//   cc -O1 -fno-builtin -o burst docs/examples/burst.c
//   LD_PRELOAD=$PWD/build/libapex/.libs/libapex.so.0 ./burst

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OBJECTS = 500000, OBJECT_BYTES = 1000 };

static char *object[OBJECTS];

static void
print_resident(const char *moment)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");

    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            printf("%-30s %s", moment, line + 6);
        }
    }
    if (status != NULL) {
        fclose(status);
    }
}

int
main(void)
{
    for (int i = 0; i < OBJECTS; i++) {
        object[i] = malloc(OBJECT_BYTES);
        if (object[i] == NULL) {
            return 1;
        }
        memset(object[i], 1, OBJECT_BYTES);
    }
    print_resident("500 MB live");
    for (int i = 0; i < OBJECTS; i++) {
        free(object[i]);
    }
    print_resident("all freed");
    sleep(1);
    print_resident("1 s later, nothing called");
    for (int i = 0; i < 64; i++) {
        object[i] = malloc((size_t)i * 1000);
    }
    print_resident("after 64 more allocations");
    return 0;
}
