// SPDX-License-Identifier: MIT
//
// Ends the guest: tells QEMU's device isa-debug-exit the number of tests that failed, by which QEMU
// exits at once with (16 + number) * 2 + 1. The 16 keeps that apart from what QEMU exits with by
// itself.

#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

#define PORT 0xf4
#define MOST 63

int
main(int argc, char **argv)
{
    int failed = argc > 1 ? atoi(argv[1]) : MOST;

    if (ioperm(PORT, 4, 1)) {
        perror("report");
        return 1;
    }
    outl(16 + (unsigned)(failed > MOST ? MOST : failed), PORT);
    return 1;
}
