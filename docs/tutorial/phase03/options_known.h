// SPDX-License-Identifier: MIT
//
// Which options there are.

#ifndef TINY_OPTIONS_KNOWN_H
#define TINY_OPTIONS_KNOWN_H

#include <stddef.h>

// Obeys one word of TINY_OPTIONS, or complains of it.
void options_apply(const char *word, size_t length);

#endif
