// SPDX-License-Identifier: MIT
//
// Text in pages; see page.h.

#include "apexctl/page.h"

#include <string.h>

void
page_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || strchr("\"\\<>&\x7f", *text) != NULL) {
            fprintf(out, "\\u%04x", (unsigned char)*text);
        } else {
            fputc(*text, out);
        }
    }
    fputc('"', out);
}
