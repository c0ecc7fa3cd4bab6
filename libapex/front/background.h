// SPDX-License-Identifier: MIT
//
// The option `background_thread`: one thread of our own in each process that asks for it, so that
// memory goes back by age also while the program does nothing, and so that an idle process notices
// apexd and its advice. It has no heap, never allocates, and only does what any slow path does now
// and then.
//
// It is started when the program first leaves malloc's fast path after the constructors of libapex,
// and again in the child of a fork, which has not got it, when that does so. Never in a program
// that runs with more rights than its caller, nor where a seccomp filter has come since the start.
// It sleeps on a futex: for a quarter of `decay_ms` while there is something to purge, else until
// there is, or until registration is due.

#ifndef APEX_FRONT_BACKGROUND_H
#define APEX_FRONT_BACKGROUND_H

#include "policy/config.h"

// Before there is a second thread, when the options are known.
void background_init(void);

// For slow paths of malloc, where libc may be asked to make a thread: no lock is held, and the
// caller is not in free().
void background_start(void);

// The process ends: it does nothing any more from here on, and is doing nothing now.
void background_stop(void);

// The child of a fork has no such thread.
void background_fork_child(void);

#endif
