// SPDX-License-Identifier: MIT
//
// The page through which apexd sees the heap profile (abi/profile_page.h): a mirror of the tables
// of policy/sampler.c, kept as the stats page is (view/stats_page.h): one address for it in the
// life of a process, a fresh page for each daemon, private memory in its place when it is dropped.
//
// Threads: profile_page_writable by any thread, at any time; the others by attach.c, under its
// lock.

#ifndef APEX_VIEW_PROFILE_PAGE_H
#define APEX_VIEW_PROFILE_PAGE_H

#include "abi/profile_page.h"

#include <stdbool.h>
#include <stdint.h>

// Where changes go; NULL when there is no page, or it is the parent's. Do not keep the pointer.
struct apex_profile_page *profile_page_writable(void);

// Makes a fresh page, sealed and leased, and fills it. `*fd` is the caller's to send and close. 0
// or an errno value; then there is no page. The sampler's tables are there.
int profile_page_open(int *fd, uint64_t *nonce, uint32_t *bytes);

// Harmless when there is none.
void profile_page_drop(void);

#endif
