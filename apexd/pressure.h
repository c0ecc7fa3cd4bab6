// SPDX-License-Identifier: MIT
//
// A trigger of the kernel (pressure stall information, PSI): wakes the daemon within a second when
// tasks wait for memory, instead of with the next beat. Where the kernel has none, or refuses it,
// the averages that shortage.h reads remain. One thread.

#ifndef APEXD_PRESSURE_H
#define APEXD_PRESSURE_H

#include "apexd/act.h"

#include <uv.h>

struct pressure {
    struct act *act;
    struct roster *roster;
    int fd; // -1: none
    uv_poll_t poll;
};

// Does nothing unless the daemon acts.
void pressure_start(struct pressure *pressure, uv_loop_t *loop, struct act *act,
                    struct roster *roster);
void pressure_stop(struct pressure *pressure);

#endif
