// SPDX-License-Identifier: MIT
//
// From the kernel, which has random numbers long before it starts a program.

#include "secret.h"

#include <errno.h>
#include <sys/random.h>

uintptr_t secret_key;

// Not 0.
static uint64_t
secret_seed(void)
{
    uint64_t seed = 0;
    int saved = errno;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed || seed == 0) {
        seed = (uintptr_t)&seed; // a sandbox may refuse: the stack's place is random, too
    }
    errno = saved;
    return seed;
}

void
secret_begin(void)
{
    if (secret_key == 0) {
        secret_key = (uintptr_t)secret_seed();
    }
}

// By xorshift: quick, and good enough for an order that is to be hard to guess by whoever does not
// see the state.
uint32_t
random_below(uint32_t limit)
{
    static __thread uint64_t state __attribute__((tls_model("initial-exec")));

    if (state == 0) {
        state = secret_seed();
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(((state >> 32) * limit) >> 32);
}
