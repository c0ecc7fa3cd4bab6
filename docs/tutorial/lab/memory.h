// SPDX-License-Identifier: MIT
//
// For tests: how much memory this process has.

#ifndef TINY_LAB_MEMORY_H
#define TINY_LAB_MEMORY_H

#include "test.h"

#include <unistd.h>

enum memory_kind { MEMORY_ADDRESSES, MEMORY_RESIDENT };

// KiB of address space, or in core.
static inline size_t
memory_kib(enum memory_kind kind)
{
    unsigned long pages[2] = {0, 0};
    FILE *file = fopen("/proc/self/statm", "r");

    require(file != NULL && fscanf(file, "%lu %lu", &pages[0], &pages[1]) == 2, "no /proc");
    fclose(file);
    return pages[kind] * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

#endif
