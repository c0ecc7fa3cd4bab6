// SPDX-License-Identifier: MIT
//
// Phase X, easy exercise: from the n-th call on all are refused, until os_refuse(0): memory is
// gone, and stays so.
//
// IN os.c

static bool
os_refuses(void)
{
    unsigned left = atomic_load_explicit(&os_calls_left, memory_order_relaxed);

    while (left > 1 && !atomic_compare_exchange_weak(&os_calls_left, &left, left - 1)) {
    }
    return left == 1;
}
