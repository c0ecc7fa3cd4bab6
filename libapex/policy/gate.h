// SPDX-License-Identifier: MIT
//
// The gate that fork() closes. Deliveries between heaps (core/remote.h) take no lock, so a fork
// could copy the memory between their two steps, or see the word before the links it leads to. A
// thread therefore passes the gate for a delivery, and fork waits until everybody is out. A pass
// costs one fence and is taken for each batch, not for each free.

#ifndef APEX_POLICY_GATE_H
#define APEX_POLICY_GATE_H

#include <stdint.h>

struct gate_pass {
    uint32_t inside; // written by its thread, read by the one that forks
};

// Between the two, no fork happens. Does not nest, and no lock is taken inside.
void gate_enter(struct gate_pass *pass);
void gate_leave(struct gate_pass *pass);

// Closes the gate; afterwards wait for each pass. Opens it again, in parent and child.
void gate_close(void);
void gate_wait(const struct gate_pass *pass);
void gate_open(void);

#endif
