// SPDX-License-Identifier: MIT
//
// Values of a daemon's answer, by name. Pure. What is missing, or of another type, counts as 0 or
// as empty: the daemon may be older or newer than we are. One thread.

#ifndef APEXCTL_VALUE_H
#define APEXCTL_VALUE_H

#include <cjson/cJSON.h>
#include <stdint.h>

// A number of `object`, which may be NULL. Above 2^53 the last digits are not exact: cJSON keeps
// doubles; our tables show no more than three digits of bytes.
uint64_t value_u64(const cJSON *object, const char *name);

// A text of `object`; belongs to it.
const char *value_text(const cJSON *object, const char *name);

#endif
