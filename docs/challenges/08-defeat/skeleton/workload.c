// SPDX-License-Identifier: MIT
//
// Three workloads that do no harm yet: half of the objects die, in the order of their birth.

#include "workload.h"

enum { OBJECTS = 8192, BYTES = 1000 };

static void *object[OBJECTS];

static void
workload_half(void)
{
    for (int i = 0; i < OBJECTS; i++) {
        object[i] = workload_take(BYTES);
    }
    for (int i = 0; i < OBJECTS / 2; i++) {
        workload_give(object[i]);
    }
}

void
workload_kept(void)
{
    workload_half();
}

void
workload_pinned(void)
{
    workload_half();
}

void
workload_piled(void)
{
    workload_half();
}
