// SPDX-License-Identifier: MIT
//
// From the kernel, which has random numbers long before it starts a program.

#include "secret.h"

#include <errno.h>
#include <sys/random.h>

uintptr_t secret_key;

uint64_t
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
