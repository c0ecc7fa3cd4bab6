// SPDX-License-Identifier: MIT
//
// When things begin and end.
//
// The first allocation of a program may come before its constructors, before ours, and from inside
// libc's own start. So whatever malloc itself needs is made on first use, by functions that do not
// allocate; what may allocate (fork handlers) or talk (registration) waits for the constructor.

#include "front/lifecycle.h"

#include "base/fault.h"
#include "base/mac.h"
#include "core/heapmap.h"
#include "core/registry.h"
#include "core/vault.h"
#include "front/background.h"
#include "os/os.h"
#include "policy/config.h"
#include "policy/inspect.h"
#include "policy/pool.h"
#include "policy/steer.h"
#include "policy/survey.h"
#include "view/attach.h"
#include "view/profile_page.h"
#include "view/stats_page.h"

#include <errno.h>
#include <pthread.h>
#include <sys/single_threaded.h>

enum { NOT_STARTED = 0, STARTING = 1, STARTED = 2 };

static uint32_t process_state;
static uint32_t fork_state;
static pthread_key_t exit_key;
static bool exit_key_made;
static bool configured; // false while the environment has not been there to read

// --- Threads -------------------------------------------------------------------------------------

// The heap of the calling thread as it is: NULL before the first and after the last.
static struct heap *
lifecycle_heap_now(void)
{
    struct heap *heap = heap_self.heap;
    return heap == &heap_none || heap == &heap_gone ? NULL : heap;
}

// Runs as a destructor of thread-specific data. Destructors after this one may allocate: then the
// thread gets another heap, and this is called once more.
static void
lifecycle_thread_exit(void *heap)
{
    int saved = errno;

    if (heap == heap_self.heap) {
        heaps_close(heap);
    }
    errno = saved;
}

static void
lifecycle_mirror_all(void)
{
    pool_mirror();
    heaps_mirror_all();
}

static void
lifecycle_tick(void)
{
    struct heap *heap = lifecycle_heap_now();
    uint64_t now = os_now_ns();

    pool_count_faults();
    stats_page_publish(now);
    heaps_sweep(pool_decay_ns());
    attach_poll(now);
    sampler_poll();
    if (heap != NULL) {
        heap_watch(heap);
    }
}

static void
lifecycle_configure(void)
{
    configured = config_load(os_secure());
    fault_set_report(config_value(fault) == CONFIG_FAULT_REPORT);
}

static void
lifecycle_start_process(void)
{
    static const struct heap_hooks hooks = {
        .slot_of = stats_page_slot,
        .tick = lifecycle_tick,
        .tick_alloc = background_start,
        .crowded = heaps_sweep_crowded,
    };
    static const struct heapmap_hooks map = {stats_page_ask, stats_page_large};

    registry_start();
    if (PROFILE_HEADER) {
        uint64_t random[MAC_RANDOM_WORDS];
        os_random(random, sizeof random);
        mac_start(random);
    }
    lifecycle_configure();
    numa_start("");
    steer_start();
    heap_set_hooks(&hooks);
    heapmap_set_hooks(&map);
    pool_set_page(stats_page_process, stats_page_node);
    sampler_set_page(profile_page_writable);
    sampler_poll();
    exit_key_made = pthread_key_create(&exit_key, lifecycle_thread_exit) == 0;
}

static void
lifecycle_start_once(void)
{
    uint32_t expected = NOT_STARTED;

    // Both acquires pair with the release below.
    if (likely(load_acquire(&process_state) == STARTED)) {
        return;
    }
    if (cas_strong_acquire(&process_state, &expected, STARTING)) {
        lifecycle_start_process();
        store_release(&process_state, STARTED);
        return;
    }
    while (load_acquire(&process_state) != STARTED) {
        os_yield();
    }
}

APART struct heap *
lifecycle_heap(void)
{
    struct heap *heap = lifecycle_heap_now();

    if (likely(heap != NULL)) {
        return heap;
    }
    int saved = errno;
    lifecycle_start_once();
    heap = heaps_open();
    if (heap != NULL && exit_key_made) {
        // May call calloc, which finds the heap in place.
        pthread_setspecific(exit_key, heap);
    }
    errno = saved;
    return heap;
}

APART struct heap *
lifecycle_heap_to_free(void)
{
    return heap_self.heap == &heap_gone ? NULL : lifecycle_heap();
}

// --- Fork ----------------------------------------------------------------------------------------

// glibc's fork takes the lock of the list of all streams after the handlers have run, and its own
// allocator's locks after that, because fflush(NULL) waits for a stream's lock with the list's
// held, and getline() allocates with the stream's. Ours would come in between; so the list's, which
// is recursive, is taken before them. Exported by libc.so, though no header declares them.
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

// Both are the forking thread's, which writes the second when it is alone or holds the locks.
static bool streams_held;
static bool forks_alone;

// A single thread waits for nobody and takes no locks. If it forks in the handler of a signal that
// interrupted malloc, it holds some already, which stay its own in the child, where it goes on.
static void
lifecycle_fork_prepare(void)
{
    if (__libc_single_threaded) {
        forks_alone = true;
        return;
    }
    bool hold = _IO_list_lock != NULL && _IO_list_unlock != NULL && _IO_list_resetlock != NULL;
    if (hold) {
        _IO_list_lock();
    }
    attach_fork_prepare();
    heaps_fork_prepare();
    streams_held = hold;
    forks_alone = false;
}

static void
lifecycle_fork_parent(void)
{
    bool held = streams_held;

    if (forks_alone) {
        return;
    }
    heaps_fork_parent();
    attach_fork_parent();
    if (held) {
        _IO_list_unlock();
    }
}

static void
lifecycle_fork_child(void)
{
    store_release(&fork_state, STARTED); // whoever was about to say so may be in the parent
    background_fork_child();
    attach_fork_child();
    if (forks_alone) {
        heaps_fork_child_alone(lifecycle_heap_now());
        return;
    }
    heaps_fork_child(lifecycle_heap_now());
    survey_fork_child();
    if (streams_held) {
        _IO_list_resetlock(); // as glibc has done
    }
}

// Handlers find a process that has been started, even where no malloc has come before. Whoever
// comes second waits: it is about to register handlers that must come behind ours. Whatever glibc
// allocates meanwhile finds no lock of ours held.
void
lifecycle_register(void)
{
    uint32_t expected = NOT_STARTED;
    int saved = errno;

    // Both acquires pair with the releases below.
    if (likely(load_acquire(&fork_state) == STARTED)) {
        return;
    }
    lifecycle_start_once();
    if (cas_strong_acquire(&fork_state, &expected, STARTING)) {
        bool done = pthread_atfork(lifecycle_fork_prepare, lifecycle_fork_parent,
                                   lifecycle_fork_child) == 0;
        store_release(&fork_state, done ? STARTED : NOT_STARTED);
    }
    while (load_acquire(&fork_state) == STARTING) {
        os_yield();
    }
    errno = saved;
}

// --- Process -------------------------------------------------------------------------------------

// So much of the heap is looked at when the process ends: some milliseconds (hardened), or one.
#define INSPECT_BYTES_MAX ((size_t)(PROFILE_HEADER ? 64 : 4) << 20)

// After the program's own destructors. With other threads alive there is nothing that can be looked
// at while they change it.
__attribute__((destructor)) static void
lifecycle_destructor(void)
{
    struct heap *heap = lifecycle_heap_now();

    background_stop();
    if (heap != NULL && heaps_alone()) {
        inspect_heap(heap, INSPECT_BYTES_MAX);
    }
}

// Nothing that is decided at start changes from here on.
static void
lifecycle_seal(void)
{
    config_seal();
    if (PROFILE_READONLY && config_value(seal_metadata) != 0) {
        registry_seal();
        vault_seal();
    }
}

// As early as constructors of this object can be. Libraries that the program links have theirs
// before; fork handlers that they register there come behind ours all the same, where
// front/interpose_fork.c sees to it. Elsewhere lock_fork_begin() at least lets them allocate.
__attribute__((constructor(101))) static void
lifecycle_constructor(void)
{
    lifecycle_heap();
    if (!configured) {
        lifecycle_configure(); // the first allocation came before libc had an environment
        sampler_poll();
    }
    lifecycle_register();
    attach_init(lifecycle_mirror_all);
    lifecycle_seal();
    attach_try();
    background_init();
}
