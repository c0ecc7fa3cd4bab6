// SPDX-License-Identifier: MIT
//
// Building blocks of replies; see reply.h.

#include "apexd/reply.h"

#include "apexd/proto/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
reply_now_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

cJSON *
reply_object(cJSON *parent, const char *name)
{
    return parent == NULL ? NULL : cJSON_AddObjectToObject(parent, name);
}

cJSON *
reply_array_object(cJSON *array)
{
    cJSON *item = cJSON_CreateObject();

    if (item != NULL && !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        return NULL;
    }
    return item;
}

bool
reply_array_text(cJSON *array, cJSON *item)
{
    char *text = item == NULL ? NULL : cJSON_PrintUnformatted(item);
    cJSON *raw = text == NULL ? NULL : cJSON_CreateRaw(text);
    bool good = raw != NULL && cJSON_AddItemToArray(array, raw);

    if (!good) {
        cJSON_Delete(raw);
    }
    free(text);
    cJSON_Delete(item);
    return good;
}

bool
reply_value(cJSON *object, const char *name, const char *unit, bool is_gauge, uint64_t value)
{
    char text[64];
    bool has_unit = strcmp(unit, "count") != 0 && unit[0] != '\0';

    snprintf(text, sizeof text, "%s%s%s%s", name, has_unit ? "_" : "", has_unit ? unit : "",
             is_gauge ? "" : "_total");
    return message_add_u64(object, text, value);
}

bool
reply_array_u64(cJSON *array, uint64_t value)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRIu64, value);
    cJSON *item = cJSON_CreateRaw(digits);
    if (item != NULL && !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        return false;
    }
    return item != NULL;
}

cJSON *
reply_begin(const char *boot_id, const char *schema)
{
    cJSON *result = cJSON_CreateObject();
    bool good = cJSON_AddStringToObject(result, "schema", schema) != NULL &&
                message_add_text(result, "boot_id", boot_id, strlen(boot_id)) &&
                message_add_u64(result, "ts_unix_ms", reply_now_ns(CLOCK_REALTIME) / 1000000) &&
                message_add_u64(result, "monotonic_ns", reply_now_ns(CLOCK_MONOTONIC));
    if (!good) {
        cJSON_Delete(result);
        return NULL;
    }
    return result;
}
