// SPDX-License-Identifier: MIT
//
// The fields that pages name. All pages of one version of the library name the same ones, so each
// table is kept once, however many pages have it: of thousands of processes the tables alone would
// be a third of our memory. One thread.

#ifndef APEXD_PAGE_FIELDS_H
#define APEXD_PAGE_FIELDS_H

#include "libapex/abi/stats_page.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_FIELDS_MAX 64u // in one table

struct page_field {
    uint32_t section; // APEX_SECTION_PROCESS or APEX_SECTION_THREAD
    uint32_t offset_bytes;
    bool is_gauge;
    char name[APEX_STATS_NAME_MAX]; // lower case letters, digits and _, NUL-terminated
    char unit[8];                   // "bytes", "count", "ns"
};

// The shared table that says the same as `field`, whose `count` elements, at most PAGE_FIELDS_MAX,
// are zero wherever they are not set; one more use of it. NULL when memory is short.
const struct page_field *page_fields_share(const struct page_field *field, unsigned count);

// One use less of a table that page_fields_share has given; nothing for NULL.
void page_fields_release(const struct page_field *field);

#endif
