// SPDX-License-Identifier: MIT
//
// A heap profile as text: for people, and as folded stacks. One thread.

#ifndef APEXCTL_PROFILE_TEXT_H
#define APEXCTL_PROFILE_TEXT_H

#include "apexctl/profile.h"

#include <stdbool.h>
#include <stdio.h>

// The stacks with most live, and with most allocated; `leaks`: those of which something is live,
// those that have kept it for longest first, with its age.
void profile_text_table(FILE *out, struct profile *p, bool leaks);

// One line for each stack, outermost function first, parted by `;`, and bytes at the end: what
// flame graphs are drawn from. Bytes allocated; `leaks`: live.
void profile_text_folded(FILE *out, const struct profile *p, bool leaks);

#endif
