// SPDX-License-Identifier: MIT
//
// What a workload may do, and the three that are wanted. One thread.

#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stddef.h>

#define WORKLOAD_SIZE_MAX ((size_t)8 << 10)   // bytes of one object, which has 8 at least,
#define WORKLOAD_LIVE_MAX ((size_t)32 << 20)  // of all that are live at any time,
#define WORKLOAD_PEAK_MIN ((size_t)4 << 20)   // of what must be live at some time,
#define WORKLOAD_LIVE_MIN ((size_t)256 << 10) // and of what lives on when a workload has ended

// An object of malloc's, all of it written to; and its end. The judge counts what is live, in the
// bytes that were asked for. Its first 8 bytes are the judge's.
void *workload_take(size_t bytes);
void workload_give(void *object);

// Each runs in a process of its own.
void workload_kept(void);
void workload_pinned(void);
void workload_piled(void);

#endif
