// SPDX-License-Identifier: MIT
//
// Whether and how output may be more than plain text: attributes, colours, a width to fit into. One
// thread.

#ifndef APEXCTL_STYLE_H
#define APEXCTL_STYLE_H

#include <stdbool.h>

struct style {
    bool attributes;  // bold and underlined text
    bool colours;     // and colours
    unsigned columns; // that a line has room for; 0 where it does not matter
};

// What --color says: `auto` (as if it were not given), `always` or `never`. False when it is none
// of these.
bool style_set(const char *word);

// The style for what is written to a descriptor. By `auto`, a terminal whose TERM is neither empty
// nor `dumb` has attributes, and colours unless NO_COLOR is set and not empty; whatever --color
// says, only a terminal has a width.
struct style style_of(int fd);

// Shows in a line of standard error what is being waited for, when that is a terminal that can take
// the line away again; NULL does that.
void style_progress(const char *text);

#endif
