// SPDX-License-Identifier: MIT
//
// The map of a heap as one file for a browser, which asks for no other: the page is map_page.html,
// the map is data in it. Pure. One thread.

#ifndef APEXCTL_MAP_HTML_H
#define APEXCTL_MAP_HTML_H

#include "apexctl/map.h"

#include <stdio.h>

void map_html(FILE *out, const struct map *map);

#endif
