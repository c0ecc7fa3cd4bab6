// SPDX-License-Identifier: MIT
//
// What stands between the library and the world while it is fuzzed: its lines on stderr are caught,
// its randomness and its clock are the harness's, so that an input does the same each time; guard
// pages can be refused; and the harness touches memory that may be inaccessible without dying of
// it. Linked with --wrap for the functions that are named __wrap_ in outside.c.
//
// One thread at a time.

#ifndef APEX_TESTS_FUZZ_OUTSIDE_H
#define APEX_TESTS_FUZZ_OUTSIDE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A line of the library's about a fault.
struct outside_fault {
    enum fault fault;
    uintptr_t address;
    bool explained; // the caller's
};

#define OUTSIDE_FAULTS_MAX 64

// What was said since outside_forget().
extern struct outside_fault outside_faults[OUTSIDE_FAULTS_MAX];
extern unsigned outside_fault_count;

// Takes signals over. Starts the program once more, with `argv`, if faults are not only reported:
// options are sealed by now.
void outside_start(char **argv);

// Randomness begins again from `seed`.
void outside_seed(uint64_t seed);

void outside_forget(void);

// The library must not survive this input: prints what was found and aborts.
_Noreturn void finding(const char *what, const void *address, size_t number);

// Copies between the harness and memory that is watched; false when that cannot be accessed. Of a
// write, what came before the inaccessible byte has happened.
bool probe_read(void *out, const void *from, size_t bytes);
bool probe_write(void *to, const void *from, size_t bytes);

extern bool outside_refuses_guards;
extern uint64_t outside_clock_ns;

#endif
