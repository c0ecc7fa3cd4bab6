// SPDX-License-Identifier: MIT
//
// The figures of tiny_stats() as text.

#ifndef TINY_STATS_H
#define TINY_STATS_H

void stats_print(int fd);

#endif
