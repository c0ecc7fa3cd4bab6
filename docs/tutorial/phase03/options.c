// SPDX-License-Identifier: MIT
//
// Reads the environment by itself: getenv() may be somebody else's, and need what is not there yet.
// Allocates nothing.

#include "options.h"

#include "options_known.h"

#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static const char options_variable[] = "TINY_OPTIONS=";

struct options options;

// The value of TINY_OPTIONS, or NULL. There is no environment before libc has been started.
static const char *
options_text(void)
{
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, options_variable, sizeof options_variable - 1) == 0) {
            return *at + sizeof options_variable - 1;
        }
    }
    return NULL;
}

void
options_load(void)
{
    // BEGIN STEP 5:
    const char *word = options_text();

    if (word == NULL || getauxval(AT_SECURE) != 0) {
        return;
    }
    for (;;) {
        size_t length = strcspn(word, ",");
        options_apply(word, length);
        if (word[length] == '\0') {
            return;
        }
        word += length + 1;
    }
    // END STEP 5
}
