// SPDX-License-Identifier: MIT
//
// What mlockall makes resident: the price of libapex's map of the address space. See
// docs/decisions/0004.
//
//   cc -o locked docs/examples/locked.c
//   LD_PRELOAD=$PWD/build/libapex/.libs/libapex.so.0 ./locked

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static void
print_status(const char *moment)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");

    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmSize:", 7) == 0 || strncmp(line, "VmRSS:", 6) == 0) {
            printf("%-10s %s", moment, line);
        }
    }
    if (status != NULL) {
        fclose(status);
    }
}

int
main(void)
{
    print_status("before");
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        perror("mlockall");
        return 1;
    }
    print_status("locked");
    return 0;
}
