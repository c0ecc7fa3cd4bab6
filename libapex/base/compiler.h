// SPDX-License-Identifier: MIT
//
// Words for what the language cannot say: which branch is rare, which function must stay out of
// line.

#ifndef APEX_BASE_COMPILER_H
#define APEX_BASE_COMPILER_H

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

// Always inlined: part of the fast path, or a one-liner that must not become a call.
#define FAST static inline __attribute__((always_inline))

// Never inlined: a slow path must not grow the frame or the code of the fast path that calls it.
// SLOW: optimised for size as well, and every branch to it is the unlikely one; for what happens
// once in a thread's life, or in an error. APART: fast for its kind, like all the rest.
#define SLOW __attribute__((noinline, cold))
#define APART __attribute__((noinline))

#define APEX_EXPORT __attribute__((visibility("default")))

#define CACHE_LINE_BYTES 64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE_BYTES)))

#endif
