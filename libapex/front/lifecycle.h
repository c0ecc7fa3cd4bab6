// SPDX-License-Identifier: MIT
//
// Start of the process, start and end of threads, fork: who is told what, and when.

#ifndef APEX_FRONT_LIFECYCLE_H
#define APEX_FRONT_LIFECYCLE_H

#include "policy/heaps.h"

// The heap of the calling thread, made now if it has none. The first call in the process loads the
// options; it may come before any constructor has run. NULL when there is no memory. Keeps errno.
APART struct heap *lifecycle_heap(void);

// The heap to free through; NULL when the thread has none and should get none: it is at its very
// end.
APART struct heap *lifecycle_heap_to_free(void);

// Registers the fork handlers of libapex, the first time that it is called. To be called before any
// other handlers are registered: those then run with no lock of libapex held. Any thread that holds
// no lock of libapex; may allocate, keeps errno.
void lifecycle_register(void);

#endif
