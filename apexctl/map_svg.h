// SPDX-License-Identifier: MIT
//
// The map of a heap as a picture: a row for each superblock, a square for each block. Pure. One
// thread.

#ifndef APEXCTL_MAP_SVG_H
#define APEXCTL_MAP_SVG_H

#include "apexctl/map_text.h"

void map_svg(FILE *out, const struct map *map, enum map_by by);

#endif
