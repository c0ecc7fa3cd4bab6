// SPDX-License-Identifier: MIT
//
// For tests that run threads or forks, where cmocka's assertions, which leave by longjmp, cannot be
// used. Any thread, any process.

#ifndef APEX_TESTS_EXPECT_H
#define APEX_TESTS_EXPECT_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ThreadSanitizer runs ten times slower, and allows a forked child very little.
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

// Ends the process with exit code 1 and the claim that does not hold. _exit: other threads still
// run.
#define expect(claim)                                                                    \
    do {                                                                                 \
        if (!(claim)) {                                                                  \
            dprintf(STDERR_FILENO, "%s:%d: expected %s\n", __FILE__, __LINE__, #claim);  \
            _exit(1);                                                                    \
        }                                                                                \
    } while (0)

// The same for a number, with its value and the limit it is held against.
#define expect_at_most(value, limit)                                                              \
    do {                                                                                          \
        unsigned long long value_ = (value);                                                      \
        unsigned long long limit_ = (limit);                                                      \
        if (value_ > limit_) {                                                                    \
            dprintf(STDERR_FILENO, "%s:%d: %s is %llu, more than %llu\n", __FILE__, __LINE__,     \
                    #value, value_, limit_);                                                      \
            _exit(1);                                                                             \
        }                                                                                         \
    } while (0)

// An object filled with a pattern that depends on its address: whoever frees it can check it. Of
// objects above 32 KiB one byte in 509 carries it, several to a page; of those above 1 MiB one byte
// in 64 KiB.
static inline size_t
pattern_stride(size_t size)
{
    return size > (1u << 20) ? 65521 : size > (32u << 10) ? 509 : 1;
}

static inline unsigned char
pattern_byte(const void *p, size_t offset)
{
    return (unsigned char)(((uintptr_t)p >> 4) + offset * 7);
}

static inline void
pattern_fill(void *p, size_t size)
{
    for (size_t i = 0; i < size; i += pattern_stride(size)) {
        ((unsigned char *)p)[i] = pattern_byte(p, i);
    }
}

static inline void
pattern_expect(const void *p, size_t size)
{
    for (size_t i = 0; i < size; i += pattern_stride(size)) {
        expect(((const unsigned char *)p)[i] == pattern_byte(p, i));
    }
}

static inline pthread_t
thread_start(void *(*main_function)(void *), void *argument)
{
    pthread_t thread;

    expect(pthread_create(&thread, NULL, main_function, argument) == 0);
    return thread;
}

static inline void
thread_join(pthread_t thread)
{
    expect(pthread_join(thread, NULL) == 0);
}

#endif
