// SPDX-License-Identifier: MIT
//
// Pages back to the kernel, while the addresses stay.

#ifndef TINY_OS_PURGE_H
#define TINY_OS_PURGE_H

#include <stddef.h>

// Gives the pages of memory back. The addresses stay ours, and read as zeroes.
void os_purge(void *p, size_t bytes);

#endif
