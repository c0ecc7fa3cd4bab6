// SPDX-License-Identifier: MIT
//
// On which NUMA nodes pages come to lie, and where they are: mbind and move_pages, by number, for
// libapex links no libnuma. Nodes are the kernel's own numbers here.
//
// A policy holds for pages that are touched from then on. Nothing here moves a page or faults one
// in. A sandbox refuses these calls (EPERM), a kernel without NUMA does not have them (ENOSYS):
// either is remembered, and later calls return it without asking again. Any thread.
//
// As in os.h: 0 or an errno value, errno stays, nothing allocates or locks. Who calls looks first
// whether there is a filter that would kill the program instead (os_sandbox_filters).

#ifndef APEX_OS_OS_PLACE_H
#define APEX_OS_OS_PLACE_H

#include "os/os_nodes.h"

#include <stddef.h>

#define OS_PLACE_PAGES_MAX 512 // that os_place_query() is asked about at a time

// Pages of this mapping come from one of `nodes` while these have memory, and from others when they
// have none left. Before Linux 5.15 from the lowest of them. EINVAL when the process may use none.
int os_place_prefer(void *address, size_t bytes, const struct os_nodes *nodes);

// Pages come from each of `nodes` in turn, and from others when one has none left. EINVAL as above.
int os_place_interleave(void *address, size_t bytes, const struct os_nodes *nodes);

// Pages come from where the process's own policy says, as if none of the above had been called.
int os_place_default(void *address, size_t bytes);

// False when binding has been refused for good, so that one of the above would fail.
bool os_place_binds(void);

// Where each of `count` pages is, at most OS_PLACE_PAGES_MAX: a node, or minus an errno value:
// -ENOENT for a page that is not there, -EFAULT for the shared page of zeroes and where nothing is
// mapped.
int os_place_query(void *const *page, unsigned count, int *status);

#endif
