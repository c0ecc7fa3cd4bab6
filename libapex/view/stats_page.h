// SPDX-License-Identifier: MIT
//
// The page through which apexd sees this process (abi/stats_page.h). It is a mirror: heaps keep
// their own counters and copy them here on slow paths, so that a page can be dropped, or
// replaced by a fresh one, at any time.
//
// There is one address for it in the life of a process. A new page is mapped over the old one,
// and a dropped one is covered with private memory, so that a thread in the middle of its copy
// stores into one or the other, never into nothing.
//
// The child of a fork inherits the mapping but must not write to it: it belongs to its parent.
// Children of fork() are told by their fork handler; children of a bare clone() are found out
// by a private page that the kernel wipes, which every function here looks at first.
//
// Threads: the functions for heaps may be called by any thread, at any time; those for attach.c
// only under its lock.

#ifndef APEX_VIEW_STATS_PAGE_H
#define APEX_VIEW_STATS_PAGE_H

#include "abi/stats_page.h"
#include "core/heapmap.h"

#include <stdbool.h>
#include <stdint.h>

// ---- for heaps, on slow paths ----

// The slot of the heap with this index; the last slot, shared by all, for those above. NULL
// when there is no page. Do not keep the pointer beyond the copy.
struct apex_stats_thread *stats_page_slot(unsigned heap_index);

// The page has no room for this row of a superblock, numbered from 0: makes a longer one due at the
// next look at registration, if one may be made. Under no lock but the pool's.
void stats_page_ask(uint32_t row);

// The row of a large object in the map, numbered from 0; NULL when there is no page, or when it has
// no such row. Under no lock but that of large objects.
struct apex_stats_large *stats_page_large(uint32_t row);

// The values of the whole process; NULL when there is no page.
struct apex_stats_process *stats_page_process(void);

// Those of the node with this index (policy/numa.h); NULL likewise.
struct apex_stats_node *stats_page_node(unsigned home);

// Changes whenever the page is replaced or dropped. Even while there is none.
unsigned stats_page_generation(void);

// Notes when the newest value was stored: CLOCK_MONOTONIC. Call it after a copy.
void stats_page_publish(uint64_t now_ns);

// A few words that the kernel wipes in every child that is made without CLONE_VM, from the
// first page on. (Before that, and on kernels before 4.14, they are ordinary memory.)
struct stats_page_guard {
    uint32_t intact; // 1; 0 in a child that inherited its parent's page
    uint32_t reserved;
    uint64_t due_ns; // for attach.c: so it is due at once in such a child
    struct heapmap_sight sight;
};

extern struct stats_page_guard *stats_page_guard; // never NULL

// ---- for attach.c, under its lock ----

// Makes a fresh page in the place of the one there may be, sealed and leased, its values zero.
// `*fd` is the caller's to send and close. 0 or an errno value; then there is no page.
int stats_page_open(uint64_t now_ns, int *fd, uint64_t *nonce, uint32_t *bytes);

// True when a longer page would show more.
bool stats_page_outgrown(void);

// A page was refused: from now on none is made that is longer than half of it, or than the
// shortest. If it was the shortest, that was not the reason, and nothing changes: false.
bool stats_page_refuse(void);

// From here on readers may take what the page says for complete.
void stats_page_ready(void);

// Copies the options' values into the page. Harmless when there is none.
void stats_page_options(void);

// Leaves this process without a page. Harmless when there is none.
void stats_page_drop(void);

// True in a child that inherited the page of its parent and has not dropped it yet.
bool stats_page_inherited(void);

#endif
