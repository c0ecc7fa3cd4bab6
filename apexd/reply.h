// SPDX-License-Identifier: MIT
//
// What all replies of the daemon are made of. Whatever can fail for want of memory says so, and
// takes the NULL or the false of the step before: a reply is given up as a whole, never sent with
// holes.

#ifndef APEXD_REPLY_H
#define APEXD_REPLY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

uint64_t reply_now_ns(clockid_t clock);

// A result with what all of them begin with. NULL when memory is short.
cJSON *reply_begin(const char *boot_id, const char *schema);

// A new object inside `parent`, or at the end of `array`; NULL when memory is short (or was:
// `parent` is NULL).
cJSON *reply_object(cJSON *parent, const char *name);
cJSON *reply_array_object(cJSON *array);

// Adds `item`, which it takes over, at the end of `array`, as text: as a tree an answer about many
// processes would be five times as much memory. False when memory is short, or was.
bool reply_array_text(cJSON *array, cJSON *item);

#define REPLY_TOLD_MAX 128u // processes that are told of in full, where many are meant

// A value of a stats page, by the name it has in replies: its unit at the end unless that is
// `count`, and `_total` when it only grows. False when memory is short.
bool reply_value(cJSON *object, const char *name, const char *unit, bool is_gauge, uint64_t value);

// A number of all 64 bits at the end of `array`. False when memory is short.
bool reply_array_u64(cJSON *array, uint64_t value);

#endif
