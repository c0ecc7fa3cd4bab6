// SPDX-License-Identifier: MIT
//
// What `advise` says, as text for people; pure, as render.h.

#ifndef APEXCTL_RENDER_ADVISE_H
#define APEXCTL_RENDER_ADVISE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

// `whole`: everything about each process, as for one; else a line for each piece of advice.
void render_advise(FILE *out, const cJSON *result, bool whole);

#endif
