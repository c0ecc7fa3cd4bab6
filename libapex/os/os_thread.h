// SPDX-License-Identifier: MIT
//
// Signals of the calling thread; and a thread of our own, for the option `background_thread` alone:
// libapex starts none otherwise.
//
// It is made by the program's pthread_create, not by a bare clone(): a thread without thread-local
// data of its own would share errno and the heap of its maker, and setuid() of libc, which asks
// every thread to change, would not know of it. The function is looked up when it is needed, so
// that whoever never asks for the thread does not depend on it.

#ifndef APEX_OS_OS_THREAD_H
#define APEX_OS_OS_THREAD_H

#include <signal.h>

// No handler of the program runs in this thread until os_signals_release is given what was stored
// here. A fault ends the process meanwhile.
void os_signals_hold(sigset_t *before);
void os_signals_release(const sigset_t *before);

// Starts a detached thread with a small stack, all signals blocked and this name (up to 15 letters,
// never freed), which runs `main` and ends. One at a time. 0 or an errno value; ENOSYS when the
// program has no pthread_create. Keeps errno.
//
// Allocates through the malloc of the program, which may be ours, and takes locks of libc under
// which libc calls free(): so only from where the program allocates, with no lock of ours held.
int os_thread_start(void (*main)(void), const char *name);

#endif
