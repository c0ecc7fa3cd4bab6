// SPDX-License-Identifier: MIT
//
// A row for each option.

#include "options_known.h"

#include "options.h"
#include "text.h"

#include <string.h>

static bool
options_is(const char *word, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(word, name, length) == 0;
}

void
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
