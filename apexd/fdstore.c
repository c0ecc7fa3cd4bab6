// SPDX-License-Identifier: MIT
//
// Descriptors with the service manager; see fdstore.h.

#include "apexd/fdstore.h"

#include "apexd/log.h"
#include "apexd/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The manager passes all names in one variable of the environment, which may have 128 KiB: of
// 3 * 4096 names each may be no longer than this one.
#define NAME_FORMAT "p%" PRIx32
#define DROPS_MAX 4096u // that wait to be said

static uint32_t fdstore_last;
static uint32_t fdstore_drops[DROPS_MAX];
static unsigned fdstore_drop_count;

bool
fdstore_put(uint32_t id, const int *fd, unsigned count)
{
    char state[64];

    // Memory has no end that one could wait for; asking for it costs the manager two system calls.
    snprintf(state, sizeof state, "FDSTORE=1\nFDPOLL=0\nFDNAME=" NAME_FORMAT, id);
    return notify_push(state, fd, count);
}

uint32_t
fdstore_id(void)
{
    fdstore_last += fdstore_last == UINT32_MAX ? 2 : 1;
    return fdstore_last;
}

static bool
fdstore_say_drop(const char *name)
{
    char state[NOTIFY_NAME_BYTES + 32];

    snprintf(state, sizeof state, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    return notify_push(state, NULL, 0);
}

static bool
fdstore_try_drop(uint32_t id)
{
    char name[16];

    snprintf(name, sizeof name, NAME_FORMAT, id);
    return fdstore_say_drop(name);
}

void
fdstore_drop(uint32_t id)
{
    if (fdstore_drop_count == 0 && fdstore_try_drop(id)) {
        return;
    }
    if (fdstore_drop_count == DROPS_MAX) {
        // The next daemon will see that nobody is there any more.
        log_event(LOG_LEVEL_WARNING, "the service manager does not listen");
        return;
    }
    fdstore_drops[fdstore_drop_count++] = id;
}

bool
fdstore_flush(void)
{
    while (fdstore_drop_count > 0 && fdstore_try_drop(fdstore_drops[fdstore_drop_count - 1])) {
        fdstore_drop_count--;
    }
    return fdstore_drop_count == 0;
}

// The number in a name of ours, 0 for another name.
static uint32_t
fdstore_number(const char *name)
{
    char again[16];
    unsigned long value = name[0] == 'p' ? strtoul(name + 1, NULL, 16) : 0;

    snprintf(again, sizeof again, NAME_FORMAT, (uint32_t)value);
    return value <= UINT32_MAX && strcmp(again, name) == 0 ? (uint32_t)value : 0;
}

int
fdstore_take(uint32_t *id)
{
    char name[NOTIFY_NAME_BYTES];

    for (int fd = notify_rest(name); fd >= 0; fd = notify_rest(name)) {
        *id = fdstore_number(name);
        if (*id != 0) {
            fdstore_last = *id > fdstore_last ? *id : fdstore_last;
            return fd;
        }
        log_event(LOG_LEVEL_WARNING, "the service manager passed a descriptor of no use here");
        if (name[0] != '\0') {
            (void)fdstore_say_drop(name);
        }
        close(fd);
    }
    return -1;
}
