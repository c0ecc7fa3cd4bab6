// SPDX-License-Identifier: MIT
//
// A target for the fuzzers of the daemon (docs/experiments/fuzz-target.md): rules_match_of(), which
// reads what a person writes behind `apexctl tune --match`. What must be true
//
//   - a text that is refused is refused with a sentence;
//   - a text that is taken, written down again, is taken again and means the same.

#include "tests/fuzz/daemon/target.h"

#include "apexd/rules.h"

#include <string.h>

#define TEXT_BYTES_MAX (2 * TARGET_BYTES_MAX)

void
target_start(void)
{
}

// `match` as a person would write it. False when it has more than fits.
static bool
rules_target_write(const cJSON *match, char out[TEXT_BYTES_MAX])
{
    const cJSON *item;
    size_t used = 0;

    out[0] = '\0';
    cJSON_ArrayForEach(item, match)
    {
        int added = cJSON_IsNumber(item) ? snprintf(out + used, TEXT_BYTES_MAX - used, ",%s=%.0f",
                                                    item->string, item->valuedouble)
                                         : snprintf(out + used, TEXT_BYTES_MAX - used, ",%s=%s",
                                                    item->string, item->valuestring);
        if (added < 0 || (size_t)added >= TEXT_BYTES_MAX - used) {
            return false;
        }
        used += (size_t)added;
    }
    return true;
}

void
target_run(const uint8_t *data, size_t bytes)
{
    static char again[TEXT_BYTES_MAX];
    char why[RULES_WHY_BYTES] = "";
    char *text = strndup((const char *)data, bytes);

    TARGET_CHECK(text != NULL);
    cJSON *match = rules_match_of(text, why);
    free(text);
    if (match == NULL) {
        TARGET_CHECK(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
        return;
    }
    TARGET_CHECK(rules_target_write(match, again));
    cJSON *second = rules_match_of(again + 1, why);
    TARGET_CHECK(second != NULL && cJSON_Compare(match, second, true));
    cJSON_Delete(second);
    cJSON_Delete(match);
}

size_t
target_seed(unsigned index, uint8_t *out)
{
    static const char *const seeds[] = {
        "comm=redis-server",
        "comm=postgres,uid=33",
        "exe=/usr/bin/python3,cgroup=/system.slice/web.service,uid=4294967295",
        "uid=12,uid=13",
        "comm=",
    };

    if (index >= sizeof seeds / sizeof seeds[0]) {
        return 0;
    }
    memcpy(out, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
