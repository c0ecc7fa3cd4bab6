// SPDX-License-Identifier: MIT
//
// A heap profile in the format of pprof: profile.proto, gzipped. One thread.

#ifndef APEXCTL_PPROF_H
#define APEXCTL_PPROF_H

#include "apexctl/profile.h"

#include <stdbool.h>
#include <stdio.h>

// Four values for each stack: alloc_objects, alloc_space, inuse_objects, inuse_space. False when
// memory is short or `out` cannot be written to.
bool pprof_write(FILE *out, const struct profile *p);

#endif
