// SPDX-License-Identifier: MIT
//
// Takes back the processes that a daemon before this one had taken in, from descriptors that the
// service manager has kept: none of them needs to register again, or notices. One thread, at start.
//
// The descriptors come from a friend, but refer to memory of strangers, who may have done with it
// what they like since: it is checked as if it came from them. One of whom daemons have died is
// left out.

#ifndef APEXD_RESTORE_H
#define APEXD_RESTORE_H

#include "apexd/roster.h"

#define RESTORE_TRIES_MAX 2u // daemons that may die soon after they have taken a process back

// Adds them to the roster, and has the manager close what is of no more use. Sockets have been
// handed out before (notify_socket). Returns how many there are.
size_t restore_all(struct roster *roster);

#endif
