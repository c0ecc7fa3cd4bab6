// SPDX-License-Identifier: MIT
//
// Atomic operations whose memory order stands in their name, so that each use says what it relies
// on (the idea is mimalloc's). Plain fields and the compiler's builtins: a field can be private to
// its owner in one phase and shared in the next, which _Atomic types cannot express.
//
// Each acquire or release in the tree names the line it pairs with; docs/memory-ordering.md lists
// them.

#ifndef APEX_BASE_ATOMIC_H
#define APEX_BASE_ATOMIC_H

#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)

// A relaxed load on the fast path. The compilers do not fold atomic loads into the instruction that
// uses the value, so where one machine load does the same, it is written as one; ThreadSanitizer
// still sees the atomic.
#ifndef __has_feature
#define __has_feature(x) 0 // clang's; gcc has the macro below
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define load_fast(p) load_relaxed(p)
#else
#define load_fast(p) (*(p))
#endif

#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define exchange_acquire(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define exchange_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define sub_relaxed(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)

// On failure `*expected` holds the value found (relaxed); true on success.
#define cas_weak_release(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define cas_weak_acq_rel(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
#define cas_strong_acquire(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define cas_strong_release(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED)

// Loads before it stay before loads and stores after it: the second look of a sequence lock.
#define fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)

// Store, then load, with no reordering between: the two sides of a handshake (Dekker).
#define fence_full() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#if defined(__x86_64__)
#define cpu_relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define cpu_relax() __asm__ volatile("yield")
#else
#define cpu_relax() ((void)0)
#endif

#endif
