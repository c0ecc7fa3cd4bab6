// SPDX-License-Identifier: MIT
//
// What those share that write a page for a browser. Pure. One thread.

#ifndef APEXCTL_PAGE_H
#define APEXCTL_PAGE_H

#include <stdio.h>

// A stranger's text as a JSON string that may stand in HTML.
void page_string(FILE *out, const char *text);

#endif
