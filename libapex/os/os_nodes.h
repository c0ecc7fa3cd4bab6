// SPDX-License-Identifier: MIT
//
// A set of NUMA nodes, by the numbers the kernel gives them. Plain data.
//
//   bit n % 64 of word n / 64 is node n

#ifndef APEX_OS_OS_NODES_H
#define APEX_OS_OS_NODES_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define OS_NODES_MAX 1024 // the kernel's own limit at its widest (CONFIG_NODES_SHIFT is 10)

struct os_nodes {
    uint64_t word[OS_NODES_MAX / 64];
};

FAST void
os_nodes_add(struct os_nodes *nodes, unsigned node)
{
    if (node < OS_NODES_MAX) {
        nodes->word[node / 64] |= UINT64_C(1) << node % 64;
    }
}

FAST bool
os_nodes_has(const struct os_nodes *nodes, unsigned node)
{
    return node < OS_NODES_MAX && (nodes->word[node / 64] >> node % 64 & 1) != 0;
}

#endif
