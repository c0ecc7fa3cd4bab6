// SPDX-License-Identifier: MIT
//
// Whom the daemon trusts with what is its own, its rules and its room: root, and the user that it
// runs as. Any thread.

#ifndef APEXD_TRUST_H
#define APEXD_TRUST_H

#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

static inline bool
trust_uid(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

#endif
