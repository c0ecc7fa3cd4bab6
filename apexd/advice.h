// SPDX-License-Identifier: MIT
//
// The daemon's end of an advice page (libapex/abi/advice_page.h): one for each registered process,
// written by us alone. One thread.

#ifndef APEXD_ADVICE_H
#define APEXD_ADVICE_H

#include "libapex/abi/advice_page.h"

#include <stdbool.h>
#include <stdint.h>

struct advice {
    struct apex_advice_page *page; // NULL when not open
};

// Makes a page for the stats page with this nonce. `*fd` is the caller's to send and close;
// with it one can only read. False when the kernel refuses.
bool advice_open(struct advice *advice, uint64_t nonce, uint64_t daemon, int *fd);

// Says that the daemon lives; every APEX_ADVICE_BEAT_MS.
void advice_beat(struct advice *advice);

// Makes `row` the whole advice on options; at most APEX_ADVICE_ROWS_MAX rows. Nothing happens when
// that is what the page says already.
void advice_write(struct advice *advice, const struct apex_advice_row *row, unsigned count);

// Asks for free memory to be given back now.
void advice_purge(struct advice *advice);

// Asks the process to look where some of its pages are; NUMA nodes of the stats page count them.
void advice_sample(struct advice *advice);

// Asks for free memory that is not at home to be given back, so that it comes anew from there.
void advice_rehome(struct advice *advice);

// Makes `weight` all that is said of the shares of nodes in large objects; at most
// APEX_ADVICE_WEIGHTS_MAX. They matter to a process whose option `numa_large` is `spread`. Nothing
// happens when that is what the page says already.
void advice_weights(struct advice *advice, const struct apex_advice_weight *weight, unsigned count);

// Says goodbye and lets go of the page. Harmless when not open.
void advice_close(struct advice *advice);

#endif
