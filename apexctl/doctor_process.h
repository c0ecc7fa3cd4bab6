// SPDX-License-Identifier: MIT
//
// Whether one process is on libapex and registered, if not why, and what its heap tells.

#ifndef APEXCTL_DOCTOR_PROCESS_H
#define APEXCTL_DOCTOR_PROCESS_H

#include "apexctl/finding.h"

#include <cjson/cJSON.h>
#include <sys/types.h>

void doctor_process(struct findings *findings, const char *runtime_dir, pid_t pid);

// What is to be said of the heap of a process, by the answer of the method `stats`. Pure.
void doctor_heap(struct findings *findings, const cJSON *process);

#endif
