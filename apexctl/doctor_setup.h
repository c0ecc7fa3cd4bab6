// SPDX-License-Identifier: MIT
//
// Whether library, daemon and options of this host fit together.

#ifndef APEXCTL_DOCTOR_SETUP_H
#define APEXCTL_DOCTOR_SETUP_H

#include "apexctl/finding.h"

// The libraries are where `apexctl run` looks for them, and LD_PRELOAD loads them; the options of
// /etc/apex.conf and APEX_OPTIONS are ones that the library takes.
void doctor_library(struct findings *findings);

// The daemon is there and may be asked; its version is ours.
void doctor_daemon(struct findings *findings, const char *runtime_dir);

#endif
