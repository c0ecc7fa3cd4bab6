// SPDX-License-Identifier: MIT
//
// The map of a heap for a terminal, or for a file that is read like one. Pure: the same map and
// look give the same text. One thread.

#ifndef APEXCTL_MAP_TEXT_H
#define APEXCTL_MAP_TEXT_H

#include "apexctl/map.h"

#include <stdio.h>

enum map_by { MAP_BY_CLASS, MAP_BY_FILL, MAP_BY_OWNER };

struct map_look {
    enum map_by by;   // what the colour, or the letter, of a block in use tells
    unsigned width;   // of the terminal, in characters
    bool unicode;     // or ASCII
    bool colour;
};

void map_text(FILE *out, const struct map *map, const struct map_look *look);

#endif
