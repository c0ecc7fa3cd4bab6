// SPDX-License-Identifier: MIT
//
// What the options numa_home, numa_large and numa_large_min and the weights of apexd's advice come
// to: on which NUMA node superblocks are made from now on, and how large objects are bound.
//
// Binding is a wish. Where it is not possible (a node that is not there or not allowed, one node
// only, a sandbox) memory comes from where it is touched first, as without any of this, and nobody
// is told but the counter os_failures.
//
// A seccomp filter may answer mbind by killing the program. So under one, nothing is bound on the
// word of others; on that of the process itself, only while no filter has come since the start.
//
// Any thread, unless it says otherwise.

#ifndef APEX_POLICY_STEER_H
#define APEX_POLICY_STEER_H

#include "abi/advice_page.h"
#include "core/large.h"
#include "policy/config.h"
#include "policy/numa.h"

#define STEER_ANYWHERE NUMA_HOMES

// The index of a node, by the kernel's number; STEER_ANYWHERE when it has none.
unsigned steer_index(unsigned node);

// Before the second thread, when the options are known.
void steer_start(void);

SLOW unsigned steer_home_of_option(uint64_t node);

// The index of the node that superblocks and large objects are to come from, or STEER_ANYWHERE.
FAST unsigned
steer_home(void)
{
    uint64_t node = config_value(numa_home);
    return likely(node == APEX_OPTION_NODE_NONE) ? STEER_ANYWHERE : steer_home_of_option(node);
}

// Whether the kernel may be asked to bind memory because of numa_home as it is in force.
bool steer_binds_home(void);

struct steer_place {
    struct large_place place;
    struct os_nodes nodes; // to which it points
};

// Where a large object of `bytes` is to be. Each call is a turn: objects go to nodes by share.
void steer_large(size_t bytes, struct steer_place *out);

// Makes these the shares of nodes in large objects; none when `count` is 0. False when they make no
// sense: more than there may be, all of them 0, one node twice, or one that the process may not
// take memory of. Then there are none. Others find the shares before or these, and whose turn it is
// stays while they are the same. One thread at a time.
bool steer_weigh(const struct apex_advice_weight *weight, unsigned count);

// True if the process may take memory of this node, by the kernel's number. Asks the kernel.
bool steer_node_is_allowed(uint64_t node);

// Around fork: acquire before, release after in the parent, renew in the child.
void steer_fork_prepare(void);
void steer_fork_parent(void);
void steer_fork_child(void);

#endif
