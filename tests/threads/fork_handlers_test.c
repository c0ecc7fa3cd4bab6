// SPDX-License-Identifier: MIT
//
// Fork handlers that allocate, registered before and after those of libapex.
// Reason: prepare handlers run newest first, the others oldest first. So handlers that were there
// before those of libapex run while it holds every lock; if one of them had to wait for a lock, the
// fork would never end. Nothing comes before libapex.so, which takes __register_atfork
// (tests/abi/atfork.sh), but much before a libapex.a or libapex-dlopen.so.

#include "apex.h"

#include "../support/expect.h"

#include <sys/wait.h>

static unsigned calls;

static void
handler(void)
{
    enum { COUNT = 3000 };
    static void *object[COUNT];

    calls++;
    for (unsigned i = 0; i < COUNT; i++) {
        object[i] = apex_malloc(16 + i % 200 * 40);
        expect(object[i] != NULL);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        apex_free(object[i]);
    }
    void *large = apex_malloc(3u << 20);
    expect(large != NULL);
    apex_free(large);
}

static void
register_handlers(void)
{
    expect(pthread_atfork(handler, handler, handler) == 0);
}

// Before any constructor, so before that of libapex.
__attribute__((section(".preinit_array"),
               used)) static void (*const early)(void) = register_handlers;

int
main(void)
{
    register_handlers();
    for (unsigned i = 0; i < 20; i++) {
        calls = 0;
        pid_t child = fork();
        expect(child >= 0);
        expect(calls == 4);
        if (child == 0) {
            handler();
            _exit(0);
        }
        int status;
        expect(waitpid(child, &status, 0) == child);
        expect(status == 0);
    }
    return 0;
}
