// SPDX-License-Identifier: MIT
//
// From addresses of another process to names, by libdw: the symbol tables of the files that the
// process has mapped, and the line tables where there are any. Files are looked for at the paths
// that the process itself has for them. One thread.

#ifndef APEXCTL_SYMBOLS_H
#define APEXCTL_SYMBOLS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct symbols;

// What is known of one address. Texts belong to `struct symbols`; none is NULL.
struct symbol {
    const char *name; // of the function; empty when it has none
    const char *file; // of the source; empty when it is not known
    int line;         // 0 when it is not known
};

// `mappings` as in the result of `profile`, which must outlive this. Never NULL but when memory is
// short: with no mapping or no file, addresses have no names.
struct symbols *symbols_open(const cJSON *mappings);

struct symbol symbols_find(struct symbols *s, uint64_t address);

// The build-id of the file that is mapped at an address, in hexadecimal; empty when it has none.
void symbols_build_id(struct symbols *s, uint64_t address, char out[129]);

// NULL is fine.
void symbols_close(struct symbols *s);

#endif
