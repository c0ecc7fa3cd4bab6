// SPDX-License-Identifier: MIT
//
// Memory for the allocator's own records: heaps, large-object descriptors, radix nodes. It never
// goes back, so a record may be looked at by a thread that lost a race; freed records are reused by
// those who asked for them. Any thread.

#ifndef APEX_CORE_META_H
#define APEX_CORE_META_H

#include <stddef.h>

// Zeroed, aligned to 128 bytes; NULL when the kernel has no more. `bytes` at most 512 KiB.
void *meta_alloc(size_t bytes);

// Bytes handed out so far.
size_t meta_bytes(void);

// Around fork: acquire before, release after in the parent, renew in the child.
void meta_fork_prepare(void);
void meta_fork_parent(void);
void meta_fork_child(void);

#endif
