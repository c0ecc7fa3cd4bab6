// SPDX-License-Identifier: MIT
//
// The life of the process: what is to be done when it starts, forks and ends. What malloc itself
// needs is not made here, because the first malloc comes earlier.

#include "heap.h"
#include "options.h"
#include "page.h"
#include "stats.h"
#include "thread.h"
#include "tiny.h"

#include <pthread.h>

// After libc has been started, and after the constructors of the libraries that the program names,
// all of which may have allocated.
__attribute__((constructor)) static void
process_begin(void)
{
    thread_begin();
    pthread_atfork(heap_hold, heap_let_go, heap_let_go);
    options_load();
}

// After the program's own last words.
__attribute__((destructor)) static void
process_end(void)
{
    if (atomic_load(&options.picture)) {
        tiny_picture(2);
    }
    if (atomic_load(&options.stats)) {
        stats_print(2);
    }
    if (atomic_load(&options.page)) {
        page_save();
    }
}
