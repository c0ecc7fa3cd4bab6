// SPDX-License-Identifier: MIT
//
// Prints every leaf of apex_ctl() that can be read, with its value. See man apex_ctl.
//
//   cc -o leaves docs/examples/leaves.c -lapex

#include <apex.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void
print_value(const char *name, const struct apex_ctl_leaf *leaf)
{
    char text[256];
    uint64_t number;
    size_t bytes = leaf->type == APEX_CTL_TEXT ? sizeof text : sizeof number;
    void *value = leaf->type == APEX_CTL_TEXT ? (void *)text : (void *)&number;

    if (apex_ctl(name, value, &bytes, NULL, 0) != 0) {
        printf("%s cannot be read\n", name);
    } else if (leaf->type == APEX_CTL_TEXT) {
        printf("%s = \"%s\"\n", name, text);
    } else {
        printf("%s = %" PRIu64 " %s\n", name, number, leaf->unit);
    }
}

int
main(void)
{
    struct apex_ctl_leaf leaf = {.size_bytes = sizeof leaf};

    for (size_t i = 0; apex_ctl_leaf_get(i, &leaf) == 0; i++) {
        const char *number = strchr(leaf.name, '<');
        char name[128];

        if ((leaf.access & APEX_CTL_READ) == 0) {
            continue;
        }
        if (number == NULL) {
            print_value(leaf.name, &leaf);
            continue;
        }
        for (uint64_t n = 0; n < leaf.count; n++) {
            snprintf(name, sizeof name, "%.*s%" PRIu64 "%s", (int)(number - leaf.name), leaf.name,
                     n, strchr(number, '>') + 1);
            print_value(name, &leaf);
        }
    }
    return 0;
}
