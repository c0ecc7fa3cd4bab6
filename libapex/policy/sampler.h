// SPDX-License-Identifier: MIT
//
// The heap profile, the process's side: which allocations are sampled, and what is known of each
// (abi/profile_page.h says what and why). docs/decisions/0015 has the design. In short:
//
//   off    nothing of this runs
//   on     a thread's allocations count down a clock of their class, ration by ration, or, those
//          that leave the fast path anyway, the thread's own clock, each by itself; the one that
//          finds the clock run down is sampled: its object begins behind the start of its chunk, so
//          that its free finds no chunk there, leaves the fast path too, and asks sampler_claim()
//
// No allocation and no lock: the tables are of fixed size, made when the option `profile_rate` is
// first set, and are searched in a window of a few places by atomic operations. What finds no place
// is not sampled, and is counted. Any thread, any time; errno stays.

#ifndef APEX_POLICY_SAMPLER_H
#define APEX_POLICY_SAMPLER_H

#include "abi/profile_page.h"
#include "base/atomic.h"
#include "base/compiler.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// From the start of a chunk to a sampled object in it; more when it has to be aligned to more.
#define SAMPLER_LEAD_BYTES 16

// A thread's: how many bytes until its next sample, drawn for a rate.
struct sampler_clock {
    int64_t left_bytes;
    uint64_t rate_bytes; // 0: off
};

// Atomic. The rate in force, and the tables; NULL before the profile is first switched on.
extern uint64_t sampler_rate;
extern struct apex_profile_page *sampler_table;

// Takes the option `profile_rate` over if it has changed. For slow paths: two loads when it has
// not. Tables that the kernel has no memory for are asked for again the next time.
void sampler_poll(void);

// Draws anew, for the rate in force.
void sampler_wind(struct sampler_clock *clock, struct rng *rng);

// Draws how many objects of `bytes` go by before one is sampled, at one sample in `rate_bytes`.
uint64_t sampler_draw(uint64_t rate_bytes, size_t bytes, struct rng *rng);

// What a sample stands for that was drawn by `bytes` for each object (abi/profile_page.h).
uint64_t sampler_weight(size_t bytes, uint64_t rate_bytes);

// Counts an allocation; true when it is to be sampled (then wind the clock).
FAST bool
sampler_due(struct sampler_clock *clock, size_t size)
{
    clock->left_bytes -= (int64_t)size;
    return unlikely(clock->left_bytes < 0);
}

// True once there may be sampled objects.
FAST bool
sampler_is_used(void)
{
    return unlikely(load_relaxed(&sampler_table) != NULL);
}

// Enters the object at `p`, which is about to be returned, with the caller's stack. `lead` is how
// far behind the start of its chunk it begins; 0 for large objects. False: there is no place.
bool sampler_enter(const void *p, size_t size, size_t lead, uint64_t weight);

// The lead of the sampled object at `p`; false when it is none.
bool sampler_find(const void *p, size_t *lead);

// The same, and takes it out of the table: it is being freed, by the caller and by nobody else.
bool sampler_claim(const void *p, size_t *lead);

// The page that others see, or NULL; asked at each change. Set once, at start.
void sampler_set_page(struct apex_profile_page *(*page)(void));

// Copies everything into a page that is fresh; header's identity excepted.
void sampler_copy(struct apex_profile_page *to);

#endif
