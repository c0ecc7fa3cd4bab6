// SPDX-License-Identifier: MIT
//
// Shows all that is live, and knows of no mark yet.

#include "leak.h"

#include <apex.h>

enum { SIZES_MAX = 1024 };

struct leak_sum {
    size_t bytes[SIZES_MAX], count[SIZES_MAX], sizes;
};

static int
leak_visit(const struct apex_object *object, void *context)
{
    struct leak_sum *sum = context;
    size_t i = 0;

    while (i < sum->sizes && sum->bytes[i] != object->usable_bytes) {
        i++;
    }
    if (i == SIZES_MAX) {
        return 1;
    }
    sum->bytes[i] = object->usable_bytes;
    sum->count[i]++;
    sum->sizes += i == sum->sizes ? 1 : 0;
    return 0;
}

void
leak_mark(void)
{
}

size_t
leak_report(leak_row *row, void *context)
{
    struct leak_sum sum = {.sizes = 0};
    size_t objects = 0;

    apex_walk(leak_visit, &sum);
    for (size_t i = 0; i < sum.sizes; i++) {
        row(sum.bytes[i], sum.count[i], context);
        objects += sum.count[i];
    }
    return objects;
}
