// SPDX-License-Identifier: MIT
//
// What of the kernel, its settings and this session's limits matters to libapex and apexd.

#ifndef APEXCTL_DOCTOR_HOST_H
#define APEXCTL_DOCTOR_HOST_H

#include "apexctl/finding.h"

void doctor_host(struct findings *findings);

#endif
