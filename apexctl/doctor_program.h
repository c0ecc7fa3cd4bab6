// SPDX-License-Identifier: MIT
//
// Whether a program can be run on libapex by LD_PRELOAD. The program is not run.

#ifndef APEXCTL_DOCTOR_PROGRAM_H
#define APEXCTL_DOCTOR_PROGRAM_H

#include "apexctl/elf_file.h"
#include "apexctl/finding.h"

// `name` as a shell would take it. Follows scripts to their interpreters.
void doctor_program(struct findings *findings, const char *name);

// The same of an executable file that was opened already; `path` is what it is called.
void doctor_executable(struct findings *findings, const char *path, const struct elf_file *file);

#endif
