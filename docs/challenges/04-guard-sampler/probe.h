// SPDX-License-Identifier: MIT
//
// For the judges: which memory a program may touch, asked of the kernel, which answers without a
// signal.

#ifndef CHALLENGE_PROBE_H
#define CHALLENGE_PROBE_H

#include "test.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 4096 };

static int probe_pipe[2];

// Before any other, with one thread.
static inline void
probe_begin(void)
{
    require(pipe(probe_pipe) == 0, "no pipe");
}

// Addresses that the compiler cannot see through: it would warn of what is done with them.
static inline char *
probe_hidden(const void *p)
{
    volatile uintptr_t address = (uintptr_t)p;
    return (char *)address;
}

// Whether the byte at `p` can be read. One thread at a time.
static inline bool
probe_can_read(const char *p)
{
    char byte;

    if (write(probe_pipe[1], probe_hidden(p), 1) != 1) {
        require(errno == EFAULT, "write: %s", strerror(errno));
        return false;
    }
    require(read(probe_pipe[0], &byte, 1) == 1, "read: %s", strerror(errno));
    return true;
}

// Whether the object of `size` bytes lies in front of a page that cannot be touched.
static inline bool
probe_is_guarded(const char *p, size_t size)
{
    const char *end = p + (size + 15) / 16 * 16;

    return (uintptr_t)end % PAGE == 0 && !probe_can_read(end);
}

#endif
