// SPDX-License-Identifier: MIT
//
// The result of `frag` as text for people. Pure, like render.h. One thread.

#ifndef APEXCTL_RENDER_FRAG_H
#define APEXCTL_RENDER_FRAG_H

#include <cjson/cJSON.h>
#include <stdio.h>

void render_frag(FILE *out, const cJSON *result);

#endif
