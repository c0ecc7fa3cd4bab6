// SPDX-License-Identifier: MIT
//
// __register_atfork, the door of libc.so by which every pthread_atfork goes (that is part of the
// program or library that calls it). Taken so that the fork handlers of libapex are the first to be
// registered: prepare handlers run newest first and the others oldest first, so ours are then next
// to the fork on both sides. All others run while libapex holds no lock, and may wait for threads
// that allocate (decision 0006).
//
// Shared libraries only. In a static program libc.a has this name in the object that also runs the
// handlers, and little comes before our constructor (decision 0006).

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/constants.h"
#include "front/lifecycle.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso);

typedef __typeof__(__register_atfork) atfork_function;

// What pthread_atfork here hands over as `dso`; each shared library has its own.
extern void *__dso_handle __attribute__((visibility("hidden")));

struct OWN_PAGES atfork_rule {
    uintptr_t next; // an atfork_function; 0 until somebody has asked
};

static CONSTANT struct atfork_rule rule;

// That of libc, which is behind libapex in the order of search, or in front of it in a program that
// was linked so. Kept, because dlsym waits while another thread runs constructors in dlopen. Any
// thread: all find the same.
static atfork_function *
atfork_next(void)
{
    uintptr_t next = load_relaxed(&rule.next);

    if (unlikely(next == 0)) {
        next = (uintptr_t)dlsym(RTLD_NEXT, "__register_atfork");
        if (next == 0) {
            next = (uintptr_t)dlsym(RTLD_DEFAULT, "__register_atfork");
        }
        if (next == 0 || next == (uintptr_t)__register_atfork) {
            return NULL;
        }
        store_relaxed(&rule.next, next);
    }
    return (atfork_function *)next;
}

// Before that of lifecycle.c, which is linked behind this one: while that registers our handlers
// other threads wait for it, perhaps one in a constructor, for whose end dlsym would wait.
__attribute__((constructor(101))) static void
atfork_constructor(void)
{
    (void)atfork_next();
}

// By `dso` glibc forgets the handlers of a library that is closed, or that ends with the process. A
// call from libapex itself is that for our own handlers: they stay, since libapex is never closed,
// and libraries that end after it may fork.
APEX_EXPORT int
__register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso)
{
    atfork_function *next = atfork_next();

    if (next == NULL) {
        return ENOMEM;
    }
    if (dso == __dso_handle) {
        return next(prepare, parent, child, NULL);
    }
    lifecycle_register();
    return next(prepare, parent, child, dso);
}
