// SPDX-License-Identifier: MIT
//
// Values out of JSON, see value.h: no answer of a daemon can bring a view to its knees.

#include "apexctl/value.h"

uint64_t
value_u64(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!cJSON_IsNumber(item) || item->valuedouble < 0) {
        return 0;
    }
    return item->valuedouble >= 18446744073709549568.0 ? UINT64_MAX : (uint64_t)item->valuedouble;
}

const char *
value_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}
