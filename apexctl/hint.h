// SPDX-License-Identifier: MIT
//
// What somebody may have meant who mistyped a word. Pure; one thread.

#ifndef APEXCTL_HINT_H
#define APEXCTL_HINT_H

#include <stddef.h>

// How many letters must be put in, taken out, replaced or swapped with their neighbour to make one
// word of the other (the distance of Damerau and Levenshtein, in its form where no part is edited
// twice). Only the first 31 bytes of each count.
unsigned hint_distance(const char *a, const char *b);

// The first of the nearest among `words`, or NULL when none is near: more than a third of its
// letters would have to change, and it does not begin with `word`. Entries that are NULL are
// passed over.
const char *hint_nearest(const char *word, const char *const *words, size_t count);

#endif
