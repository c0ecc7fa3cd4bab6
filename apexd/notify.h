// SPDX-License-Identifier: MIT
//
// What a service manager wants to hear and to give, by the plain protocols: NOTIFY_SOCKET and
// LISTEN_FDS. One thread, at start.

#ifndef APEXD_NOTIFY_H
#define APEXD_NOTIFY_H

// Tells the manager, if there is one: "READY=1", "STOPPING=1".
void notify_send(const char *state);

// A listening Unix socket of this type (SOCK_SEQPACKET, SOCK_STREAM) that the manager passed, or
// -1. With a name: one whose path ends in it, or that the manager calls so (LISTEN_FDNAMES). Each
// is handed out once.
int notify_socket(int type, const char *name);

#endif
