// SPDX-License-Identifier: MIT
//
// What an executable says of itself: whether LD_PRELOAD can reach it, and who its malloc is. The
// file is a stranger's: every offset in it is checked. One thread.

#ifndef APEXCTL_ELF_FILE_H
#define APEXCTL_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_FILE_NEEDED_MAX 64
#define ELF_FILE_NAME_BYTES 64

struct elf_file {
    bool is_elf;
    bool is_ours;        // class, byte order and machine are those of this program
    bool is_loaded;      // by a dynamic linker: it names one
    bool defines_malloc; // for other objects, too, so that it comes before a preloaded one
    char loader[256];    // the dynamic linker
    unsigned needed_count;
    char needed[ELF_FILE_NEEDED_MAX][ELF_FILE_NAME_BYTES]; // libraries it asks for
};

// Reads a file in memory. What is cut off or nonsense is as if it were not there. Pure.
void elf_file_parse(const void *bytes, size_t count, struct elf_file *out);

// The same of a file. False, with errno set, when it cannot be read.
bool elf_file_read(const char *path, struct elf_file *out);

#endif
