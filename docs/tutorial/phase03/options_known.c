// SPDX-License-Identifier: MIT
//
// A word for each option.

#include "options_known.h"

#include "options.h"

#include <string.h>
#include <unistd.h>

static bool
options_is(const char *word, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(word, name, length) == 0;
}

void
options_apply(const char *word, size_t length)
{
    // BEGIN STEP 5:
    if (options_is(word, length, "fill")) {
        atomic_store(&options.fill, true);
    } else if (options_is(word, length, "picture")) {
        atomic_store(&options.picture, true);
    } else if (length > 0) {
        static const char complaint[] = "libtiny: no such option: ";
        ssize_t said = write(2, complaint, sizeof complaint - 1);
        said += write(2, word, length);
        said += write(2, "\n", 1);
        (void)said; // who cannot be told is not told
    }
    // END STEP 5
}
