// SPDX-License-Identifier: MIT
//
// For tests: a service manager, which is no more than the socket that NOTIFY_SOCKET names. Its name
// is an abstract one, so that nothing is left behind.

#ifndef APEX_TESTS_MANAGER_H
#define APEX_TESTS_MANAGER_H

#include "unit.h"

#include <sys/socket.h>
#include <sys/un.h>

// What the daemon's modules tell their manager arrives here from now on. The caller closes it.
static inline int
manager_start(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char name[64];

    snprintf(name, sizeof name, "@apex-manager-test-%d", (int)getpid());
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

#endif
