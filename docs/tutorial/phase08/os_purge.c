// SPDX-License-Identifier: MIT
//
// Beside os.c the only file that speaks to the kernel about memory.

#include "os_purge.h"

#include <errno.h>
#include <sys/mman.h>

void
os_purge(void *p, size_t bytes)
{
    // BEGIN STEP 1:
    int saved = errno;

    madvise(p, bytes, MADV_DONTNEED);
    errno = saved;
    // END STEP 1
}
