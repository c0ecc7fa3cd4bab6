// SPDX-License-Identifier: MIT
//
// The end of a program that has misused its heap.

#ifndef TINY_FAULT_H
#define TINY_FAULT_H

// Says on stderr what is wrong, and ends the process by SIGABRT. Any thread, with or without locks.
__attribute__((noreturn)) void fault(const char *what);

#endif
