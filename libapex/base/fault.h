// SPDX-License-Identifier: MIT
//
// Last words. A fault is a misuse of the heap that libapex has proven; each has a row in
// tables/faults.def. The line goes to stderr by one write(2), without allocating and without locks.

#ifndef APEX_BASE_FAULT_H
#define APEX_BASE_FAULT_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault {
#define FAULT(key, message, advice) FAULT_##key,
#include "tables/faults.def"
    FAULT_COUNT
};

// Prints `libapex: <message> (address 0x…[, size class N bytes])` and aborts; `class_bytes` 0
// leaves the class out. When fault_set_report(true) was called it prints and returns instead, and
// the caller must leave the heap as it was. errno is kept.
SLOW void fault_raise(enum fault fault, const void *address, size_t class_bytes);

// For what must never be survived, whatever the policy says: the allocator's own state is broken.
SLOW _Noreturn void fault_panic(const char *what, const void *address);

// Report instead of abort (the `fault` option). Set once at start, before the second thread.
void fault_set_report(bool report);

// How many were raised since the start. Any thread.
uint64_t fault_count(enum fault fault);

// Writes one line to stderr, prefixed with `libapex: `. For warnings; keeps errno.
void fault_warn(const char *text);

const char *fault_message(enum fault fault);

#endif
