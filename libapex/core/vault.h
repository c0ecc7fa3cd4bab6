// SPDX-License-Identifier: MIT
//
// Records of large objects and of the registry: what only slow paths change, and always beside a
// system call. Apart from all that malloc and free of small objects write, so that these pages can
// be read-only while nobody changes them: in the hardened profile, with the option `seal_metadata`.
//
//   struct vault, in the library's .bss
//   +-------+----------------------------------------------------------------------+
//   | books | records of large objects, leaves of the registry …  (8 MiB, hardened) |
//   +-------+----------------------------------------------------------------------+
//
// Whoever changes anything there does so between vault_open() and vault_close(). mprotect knows no
// threads: while one of them is between the two, all can write. The two nest, and the outermost
// pair costs two system calls; a caller that makes several changes puts one pair around them all.
//
// Any thread.
//
// Invariant
//   V1  The vault is written only between an open and its close.

#ifndef APEX_CORE_VAULT_H
#define APEX_CORE_VAULT_H

#include "base/constants.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Aligned like those of core/meta.c. There is room for as many as the kernel allows mappings (65530
// unless it is told otherwise).
#define VAULT_RECORD_BYTES 128
#define VAULT_ARENA_BYTES (PROFILE_READONLY ? VAULT_RECORD_BYTES << 16 : VAULT_RECORD_BYTES)

struct large;

// Freed mappings, newest first. Bytes and count are atomic.
struct large_shelf {
    struct list list;
    size_t bytes;
    unsigned count;
};

// Of core/large.c, under its lock but for what it reads without.
struct large_books {
    struct large_shelf cache;
    struct large_shelf parked; // without their pages
    struct list spares;        // `next` is NULL before the first use
    struct large *made;        // all records, newest first; atomic
    uint64_t resident_bytes;   // the sum over all records; atomic
    uintptr_t next_near;       // where the next mapping would fit behind the last one
};

struct OWN_PAGES vault {
    struct large_books large;
    size_t used_bytes; // of the arena; atomic
    bool sealed;       // from the start on, if at all
    char arena[VAULT_ARENA_BYTES] __attribute__((aligned(VAULT_RECORD_BYTES)));
};

extern struct vault vault;

void vault_open_pages(void);
void vault_close_pages(void);

FAST void
vault_open(void)
{
    if (PROFILE_READONLY) {
        vault_open_pages();
    }
}

FAST void
vault_close(void)
{
    if (PROFILE_READONLY) {
        vault_close_pages();
    }
}

// From here on, what is not open is read-only. Once, at start.
void vault_seal(void);

// A record: as meta_alloc(), and in the arena while there is room.
void *vault_alloc(size_t bytes);

// Bytes of the arena that were handed out.
size_t vault_bytes(void);

// Around fork: acquire before, release after in the parent, renew in the child.
void vault_fork_prepare(void);
void vault_fork_parent(void);
void vault_fork_child(void);

#endif
