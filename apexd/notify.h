// SPDX-License-Identifier: MIT
//
// What a service manager wants to hear and to give, by the plain protocols: NOTIFY_SOCKET,
// WATCHDOG_USEC and LISTEN_FDS. Nothing happens when there is no manager. One thread.

#ifndef APEXD_NOTIFY_H
#define APEXD_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_FDS_MAX 4u
#define NOTIFY_NAME_BYTES 256 // of a descriptor that was passed

// Whether somebody listens.
bool notify_wanted(void);

// Tells the manager: "READY=1", "STOPPING=1". Waits a second at most for room in its queue.
void notify_send(const char *state);

// The same with up to NOTIFY_FDS_MAX descriptors, which stay the caller's. Does not wait: false
// when the manager does not take it now, or there is none.
bool notify_push(const char *state, const int *fd, unsigned count);

// How long the manager waits for "WATCHDOG=1" before it takes us for dead; 0: it does not wait.
uint64_t notify_watchdog_ms(void);

// A listening Unix socket of this type (SOCK_SEQPACKET, SOCK_STREAM) that the manager passed, or
// -1. With a name: one whose path ends in it, or that the manager calls so (LISTEN_FDNAMES). Each
// is handed out once.
int notify_socket(int type, const char *name);

// The next descriptor that the manager passed and that was not handed out, now the caller's, and
// what the manager calls it; -1 after the last one.
int notify_rest(char name[NOTIFY_NAME_BYTES]);

#endif
