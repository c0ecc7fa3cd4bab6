// SPDX-License-Identifier: MIT
//
// One look at all processes, as text for Prometheus: who asks decides which processes get rows of
// their own. Root sees all, a user their own, and nobody (as over TCP) the host as one row. What is
// not shown is in the row of the others, so that sums are those of the host. One thread.

#ifndef APEXD_SCRAPE_H
#define APEXD_SCRAPE_H

#include "apexd/metrics.h"
#include "apexd/roster.h"

#include <stdbool.h>
#include <sys/types.h>

#define SCRAPE_NOBODY \
    ((uid_t)-1) // somebody the kernel does not vouch for: no process has this user

struct scrape_options {
    uid_t uid;
    bool per_process; // a row for each process, the largest first, and not for each group
    enum metrics_format format;
    uint64_t started_ns; // CLOCK_MONOTONIC, of the daemon
};

// Texts that were made a moment ago: one for each format, with and without rows for processes, and
// for nobody and for those who are somebody. All zeros is an empty one.
#define SCRAPE_TEXTS 8

struct scrape_cache {
    struct scrape_text {
        uid_t uid; // whom it is for
        uint64_t made_ns;
        char *text;
    } text[SCRAPE_TEXTS];
};

// The text, NUL-terminated, at most CLIENT_SNAPSHOT_NS old, so that asking often costs little. It
// is the cache's, and there until the next call. NULL when memory is short.
const char *scrape(struct scrape_cache *cache, struct roster *roster,
                   const struct scrape_options *options);

// Whether scrape() would only have to hand out what it has.
bool scrape_is_kept(const struct scrape_cache *cache, const struct scrape_options *options);

void scrape_cache_free(struct scrape_cache *cache);

#endif
