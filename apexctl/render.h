// SPDX-License-Identifier: MIT
//
// Results of apexd as text for people. Pure: the same JSON gives the same text. Fields that are
// missing count as 0 or as empty, for the daemon may be older or newer than we are. One thread.

#ifndef APEXCTL_RENDER_H
#define APEXCTL_RENDER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void render_stats(FILE *out, const cJSON *result);

// The same with what has changed a second since `before`, an earlier answer about the same, or
// NULL.
void render_stats_since(FILE *out, const cJSON *result, const cJSON *before);

void render_processes(FILE *out, const cJSON *result);
void render_rules(FILE *out, const cJSON *result);

// `all`: every option of each process; else those that change.
void render_tune(FILE *out, const cJSON *result, bool all);
void render_ctl(FILE *out, const cJSON *result);

// --- For other renderers -------------------------------------------------------------------------

// A stranger's text outside a table.
void render_clean(FILE *out, const char *text);

// "1 thread", "2 threads".
void render_count(FILE *out, uint64_t count, const char *one, const char *many);

// How many processes are not shown, if any.
void render_hidden(FILE *out, uint64_t hidden);

#endif
