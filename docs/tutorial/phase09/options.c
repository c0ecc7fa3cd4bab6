// SPDX-License-Identifier: MIT
//
// Reads the environment by itself: getenv() may be somebody else's, and need what is not there yet.
// Allocates nothing.

#include "options.h"

#include "text.h"

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

static bool
options_is(const char *word, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(word, name, length) == 0;
}

static void
options_apply(const char *word, size_t length)
{
    // BEGIN STEP 5:
    static const struct {
        const char *name;
        atomic_bool *value;
    } known[] = {
        {"fill", &options.fill},
        {"picture", &options.picture},
        {"stats", &options.stats},
        {"page", &options.page},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (options_is(word, length, known[i].name)) {
            atomic_store(known[i].value, true);
            return;
        }
    }
    if (length > 0) {
        text_print(2, "libtiny: no such option: %.*s\n", (int)length, word);
    }
    // END STEP 5
}

void
options_load(void)
{
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
}
