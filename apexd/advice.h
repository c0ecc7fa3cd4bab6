// SPDX-License-Identifier: MIT
//
// The daemon's end of an advice page (libapex/abi/advice_page.h): one for each registered process,
// written by us alone. One thread.
//
// Where a service manager keeps descriptors for the next daemon (apexd/fdstore.h), the page is one
// that the next daemon can go on writing, and has a record of ours behind it. A process is given a
// descriptor that can only be read, of a file that only root and we may open.

#ifndef APEXD_ADVICE_H
#define APEXD_ADVICE_H

#include "libapex/abi/advice_page.h"

#include <stdbool.h>
#include <stdint.h>

// What the next daemon has to know of the process. Nothing in it is of use to the process.
struct advice_record {
    uint64_t magic; // ADVICE_RECORD_MAGIC
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
    uint32_t tries; // daemons that took the process over and may have died of it
    uint64_t start_ticks;
    uint64_t registered_ns;
    uint32_t sequence; // odd while rows change
    uint32_t rows;
    struct apex_advice_row row[APEX_ADVICE_ROWS_MAX]; // what people have asked for
};

struct advice {
    struct apex_advice_page *page; // NULL when not open
    struct advice_record *record;  // NULL when no other daemon will need it
    int fd;                        // that the page can be written by; -1 when it is not needed
};

// Makes a page for the stats page with this nonce, with a record if `keep`. `*fd` is the caller's
// to send and close; with it one can only read. False when the kernel refuses.
bool advice_open(struct advice *advice, uint64_t nonce, uint64_t daemon, bool keep, int *fd);

// Goes on with a page that another daemon has made with a record. `fd` is closed. False when it is
// not such a page.
bool advice_reopen(struct advice *advice, int fd, uint64_t daemon);

// The service manager has the descriptor.
void advice_kept(struct advice *advice);

// Makes `row` what the next daemon will find to have been asked for. Nothing without a record.
void advice_remember(struct advice *advice, const struct apex_advice_row *row, unsigned count);

// What was asked for before; 0 when it cannot be told.
unsigned advice_remembered(const struct advice *advice,
                           struct apex_advice_row row[APEX_ADVICE_ROWS_MAX]);

// Says that the daemon lives; every APEX_ADVICE_BEAT_MS.
void advice_beat(struct advice *advice);

// Makes these the whole advice, in one change: what the process reads is what was said before or
// what is said now. `row` is on options, at most APEX_ADVICE_ROWS_MAX; `weight` is on the shares of
// nodes in large objects, at most APEX_ADVICE_WEIGHTS_MAX, and matters to a process whose option
// `numa_large` is `spread`. Nothing happens when that is what the page says already.
void advice_write(struct advice *advice, const struct apex_advice_row *row, unsigned rows,
                  const struct apex_advice_weight *weight, unsigned weights);

// Asks for free memory to be given back now.
void advice_purge(struct advice *advice);

// Asks the process to look where some of its pages are; NUMA nodes of the stats page count them.
void advice_sample(struct advice *advice);

// Asks for free memory that is not at home to be given back, so that it comes anew from there.
void advice_rehome(struct advice *advice);

// Lets go of the page, and says nothing: another daemon will take over.
void advice_leave(struct advice *advice);

// Says goodbye and lets go of the page. Harmless when not open.
void advice_close(struct advice *advice);

#endif
