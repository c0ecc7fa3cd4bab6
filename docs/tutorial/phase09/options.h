// SPDX-License-Identifier: MIT
//
// What whoever starts the program may ask of libtiny: TINY_OPTIONS=fill,picture,stats,page
//
//   fill      memory is overwritten with 0xdd when it is freed
//   picture   the heap is drawn on stderr when the process ends
//   stats     its figures are printed there
//   page      it is drawn into a file, tiny-PID.html
//
// The fields have their defaults from the first instruction on, and change at most once, when the
// constructor runs. Any thread reads them.

#ifndef TINY_OPTIONS_H
#define TINY_OPTIONS_H

#include <stdatomic.h>
#include <stdbool.h>

struct options {
    atomic_bool fill;
    atomic_bool picture;
    atomic_bool stats;
    atomic_bool page;
};

extern struct options options;

// Reads TINY_OPTIONS; what it does not know in there it names on stderr. A program that runs with
// more rights than its caller does not listen to him.
void options_load(void);

#endif
