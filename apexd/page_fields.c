// SPDX-License-Identifier: MIT
//
// Tables of fields, each once; see page_fields.h. A list: there are as many tables as versions of
// the library in use, or at worst, if strangers make them up, as processes.

#include "apexd/page_fields.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct page_fields {
    struct page_fields *next;
    unsigned uses;
    unsigned count;
    struct page_field field[];
};

static struct page_fields *page_fields_first;

const struct page_field *
page_fields_share(const struct page_field *field, unsigned count)
{
    struct page_fields *t = page_fields_first;
    size_t bytes = count * sizeof *field;

    while (t != NULL && (t->count != count || memcmp(t->field, field, bytes) != 0)) {
        t = t->next;
    }
    if (t == NULL) {
        t = malloc(sizeof *t + bytes);
        if (t == NULL) {
            return NULL;
        }
        t->next = page_fields_first;
        t->uses = 0;
        t->count = count;
        memcpy(t->field, field, bytes);
        page_fields_first = t;
    }
    t->uses++;
    return t->field;
}

void
page_fields_release(const struct page_field *field)
{
    struct page_fields **at = &page_fields_first;

    while (*at != NULL && (*at)->field != field) {
        at = &(*at)->next;
    }
    struct page_fields *t = *at;
    if (t != NULL && --t->uses == 0) {
        *at = t->next;
        free(t);
    }
}
