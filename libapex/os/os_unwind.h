// SPDX-License-Identifier: MIT
//
// The call stack of the calling thread. Programs of distributions keep no frame pointers, and the
// unwinder of the C++ runtime is a library that libapex cannot need and that may allocate or lock;
// so the tables that every program carries for exceptions (.eh_frame, by its sorted index) are read
// here. Format: DWARF 5, section 6.4, and the Linux Standard Base's chapter on .eh_frame_hdr.
//
// Allocates nothing, locks nothing, keeps errno: the loader finds an address's object without a
// lock (_dl_find_object, glibc 2.35). Code without tables (a JIT's) is crossed by its frame
// pointer if it has one. The stack is read only where the kernel says that it can be. Any thread,
// any time.

#ifndef APEX_OS_OS_UNWIND_H
#define APEX_OS_OS_UNWIND_H

#include <stdint.h>

#define OS_UNWIND_MAX 64 // frames that are looked at

// Return addresses of the calling function's callers, innermost first; those inside libapex are
// left out when it is a library of its own. Returns how many, at most `max`; 0 when the loader
// cannot tell, or on a processor that this file does not know.
unsigned os_unwind(uintptr_t *pc, unsigned max);

#endif
