// SPDX-License-Identifier: MIT
//
// A heap profile as the daemon answered it, with names. One thread.

#ifndef APEXCTL_PROFILE_H
#define APEXCTL_PROFILE_H

#include "apexctl/symbols.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_DEPTH_MAX 64
#define PROFILE_AGES 6

struct profile_sum {
    uint64_t samples;
    uint64_t objects; // estimates, as the next
    uint64_t bytes;
};

struct profile_stack {
    unsigned depth;
    uint64_t pc[PROFILE_DEPTH_MAX]; // in the instruction that calls; innermost first
    struct profile_sum alloc;
    struct profile_sum live;
    uint64_t age_bytes[PROFILE_AGES];
    uint64_t oldest_ms;
};

struct profile {
    const cJSON *result; // the caller's, who keeps it
    const char *comm;
    uint64_t pid;
    uint64_t rate_bytes;
    uint64_t duration_ms;
    uint64_t time_unix_ms;
    uint64_t samples;
    uint64_t dropped;
    uint64_t omitted;
    size_t count;
    struct profile_stack *stack; // most live first
    struct symbols *symbols;
};

// The words for the classes of age, "1s" and so on.
extern const char *const profile_age_names[PROFILE_AGES];

// False when memory is short.
bool profile_open(struct profile *p, const cJSON *result);

// Takes away what had been allocated when `before` was answered; what is live stays.
void profile_since(struct profile *p, const cJSON *before);

void profile_close(struct profile *p);

#endif
