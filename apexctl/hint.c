// SPDX-License-Identifier: MIT
//
// Distances between words by the usual table of prefixes, three rows of it; see hint.h.

#include "apexctl/hint.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define HINT_BYTES 32

static unsigned
hint_min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned
hint_distance(const char *a, const char *b)
{
    unsigned row[3][HINT_BYTES] = {{0}}; // of the prefixes of `a` with i - 2, i - 1 and i letters
    size_t a_length = strnlen(a, HINT_BYTES - 1);
    size_t b_length = strnlen(b, HINT_BYTES - 1);

    for (size_t j = 0; j <= b_length; j++) {
        row[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *now = row[i % 3];
        const unsigned *before = row[(i + 2) % 3];
        const unsigned *earlier = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            now[j] = hint_min(before[j - 1] + (a[i - 1] != b[j - 1]),
                              hint_min(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = hint_min(now[j], earlier[j - 2] + 1);
            }
        }
    }
    return row[a_length % 3][b_length];
}

const char *
hint_nearest(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    unsigned least = UINT_MAX;
    size_t length = strlen(word);

    for (size_t i = 0; i < count; i++) {
        if (words[i] == NULL) {
            continue;
        }
        unsigned distance = hint_distance(word, words[i]);
        bool begun = length >= 2 && strncmp(word, words[i], length) == 0;
        if (distance < least && (begun || 3 * distance <= strlen(words[i]) + 1)) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
