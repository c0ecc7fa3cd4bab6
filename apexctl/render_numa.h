// SPDX-License-Identifier: MIT
//
// The machine, and where heaps lie on it, as text for people. Pure, as render.h. One thread.

#ifndef APEXCTL_RENDER_NUMA_H
#define APEXCTL_RENDER_NUMA_H

#include <cjson/cJSON.h>
#include <stdio.h>

void render_topology(FILE *out, const cJSON *result);

// Of the method `numa`: all processes, or those that were asked for.
void render_numa(FILE *out, const cJSON *result);

#endif
