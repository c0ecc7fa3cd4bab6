// SPDX-License-Identifier: MIT
//
// glibc's questions to its allocator (malloc.h), answered with the data of libapex. interpose.c
// gives these functions the names by which programs know them. Any thread; none allocates; mallinfo
// and mallopt keep errno.

#ifndef APEX_FRONT_COMPAT_H
#define APEX_FRONT_COMPAT_H

#include <malloc.h>
#include <stdio.h>

// How the fields of glibc map to libapex:
//   arena     mapped for superblocks: everything but large objects
//   ordblks   free blocks of 64 KiB
//   smblks    0, usmblks 0 (glibc has no more to tell either)
//   fsmblks   free chunks inside blocks that are in use, in bytes
//   hblks     large objects, hblkhd their bytes
//   uordblks  live chunks, in bytes
//   fordblks  arena - uordblks, so that the two add up as they do in glibc
//   keepcost  what malloc_trim(0) could give back at most
struct mallinfo2 compat_mallinfo2(void);

// The same in ints. Values above INT_MAX become INT_MAX, where glibc lets them wrap around.
struct mallinfo compat_mallinfo(void);

// 1 when the parameter is known and the value was taken, else 0. M_TRIM_THRESHOLD sets the option
// `dirty_floor`; a negative value means the largest. M_MXFAST takes 0 to 160 as in glibc. The other
// tuning parameters are taken and have nothing to act on. M_PERTURB is refused: libapex does not
// fill memory, and a program that relies on the pattern should hear so.
int compat_mallopt(int parameter, int value);

// A few lines about the heap to stderr, past stdio.
void compat_malloc_stats(void);

// XML in the frame that glibc writes, with one element <apex> more that holds every statistic.
// Returns 0, or EINVAL when `options` is not 0 (the value itself; errno is kept). Whatever `stream`
// allocates for its own buffer is the program's.
int compat_malloc_info(int options, FILE *stream);

#endif
