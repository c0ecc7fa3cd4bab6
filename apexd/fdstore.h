// SPDX-License-Identifier: MIT
//
// The descriptors that the service manager keeps for us while we are not there (FDSTORE): those of
// one process under one name, so that the next daemon finds together what belongs together. Never
// waits for the manager: what it does not take now is tried again. One thread.

#ifndef APEXD_FDSTORE_H
#define APEXD_FDSTORE_H

#include <stdbool.h>
#include <stdint.h>

// Gives descriptors, at most NOTIFY_FDS_MAX (apexd/notify.h), which stay the caller's, under a
// number of fdstore_id(). False when the manager does not take them now; whether it has room for
// them it does not say.
bool fdstore_put(uint32_t id, const int *fd, unsigned count);

// A number that was not given out before, never 0.
uint32_t fdstore_id(void);

// Has the manager close what it has under this number.
void fdstore_drop(uint32_t id);

// Says what could not be said before. True when nothing is left of it.
bool fdstore_flush(void);

// One descriptor that the manager has kept, now the caller's, and the number it was given under;
// -1 after the last. What was passed but has no such name is closed. Sockets have been handed out
// before (notify_socket).
int fdstore_take(uint32_t *id);

#endif
