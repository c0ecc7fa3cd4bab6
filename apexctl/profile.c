// SPDX-License-Identifier: MIT
//
// From the result of `profile` to structures; see profile.h. Fields that are missing count as 0.

#include "apexctl/profile.h"

#include "apexctl/value.h"

#include <stdlib.h>
#include <string.h>

const char *const profile_age_names[PROFILE_AGES] = {"1s", "10s", "1m", "10m", "1h", "older"};

static struct profile_sum
profile_sum(const cJSON *object)
{
    return (struct profile_sum){value_u64(object, "samples"), value_u64(object, "objects"),
                                value_u64(object, "bytes")};
}

static void
profile_read_stack(struct profile_stack *s, const cJSON *item)
{
    const char *at = value_text(item, "pcs");
    const cJSON *ages = cJSON_GetObjectItemCaseSensitive(item, "live_bytes_by_age");
    char *end;

    memset(s, 0, sizeof *s);
    while (s->depth < PROFILE_DEPTH_MAX) {
        uint64_t pc = strtoull(at, &end, 16);
        if (end == at || pc == 0) {
            break;
        }
        s->pc[s->depth++] = pc - 1; // what comes after a call may be another function
        at = end;
    }
    s->alloc = profile_sum(cJSON_GetObjectItemCaseSensitive(item, "alloc"));
    s->live = profile_sum(cJSON_GetObjectItemCaseSensitive(item, "live"));
    for (unsigned i = 0; i < PROFILE_AGES; i++) {
        s->age_bytes[i] = value_u64(ages, profile_age_names[i]);
    }
    s->oldest_ms = value_u64(item, "oldest_ms");
}

bool
profile_open(struct profile *p, const cJSON *result)
{
    const cJSON *stacks = cJSON_GetObjectItemCaseSensitive(result, "stacks");
    const cJSON *item;

    *p = (struct profile){
        .result = result,
        .comm = value_text(result, "comm"),
        .pid = value_u64(result, "pid"),
        .rate_bytes = value_u64(result, "rate_bytes"),
        .duration_ms = value_u64(result, "duration_ms"),
        .time_unix_ms = value_u64(result, "ts_unix_ms"),
        .samples = value_u64(result, "samples"),
        .dropped = value_u64(result, "dropped_live"),
        .omitted = value_u64(result, "stacks_omitted"),
    };
    p->stack = calloc((size_t)cJSON_GetArraySize(stacks) + 1, sizeof *p->stack);
    p->symbols = symbols_open(cJSON_GetObjectItemCaseSensitive(result, "mappings"));
    if (p->stack == NULL || p->symbols == NULL) {
        profile_close(p);
        return false;
    }
    cJSON_ArrayForEach(item, stacks)
    {
        profile_read_stack(&p->stack[p->count++], item);
    }
    return true;
}

static uint64_t
profile_less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static bool
profile_same(const struct profile_stack *a, const struct profile_stack *b)
{
    return a->depth == b->depth && memcmp(a->pc, b->pc, a->depth * sizeof a->pc[0]) == 0;
}

void
profile_since(struct profile *p, const cJSON *before)
{
    const cJSON *stacks = cJSON_GetObjectItemCaseSensitive(before, "stacks");
    const cJSON *item;
    struct profile_stack old;

    cJSON_ArrayForEach(item, stacks)
    {
        profile_read_stack(&old, item);
        for (size_t i = 0; i < p->count; i++) {
            struct profile_sum *sum = &p->stack[i].alloc;
            if (profile_same(&p->stack[i], &old)) {
                sum->samples = profile_less(sum->samples, old.alloc.samples);
                sum->objects = profile_less(sum->objects, old.alloc.objects);
                sum->bytes = profile_less(sum->bytes, old.alloc.bytes);
                break;
            }
        }
    }
    p->samples = profile_less(p->samples, value_u64(before, "samples"));
    p->duration_ms = profile_less(value_u64(p->result, "monotonic_ns"),
                                  value_u64(before, "monotonic_ns")) /
                     1000000;
}

void
profile_close(struct profile *p)
{
    symbols_close(p->symbols);
    free(p->stack);
    *p = (struct profile){.count = 0};
}
