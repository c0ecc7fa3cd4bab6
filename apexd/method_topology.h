// SPDX-License-Identifier: MIT
//
// The method `topology`: the machine, its NUMA nodes, and which processes live there. Sums are of
// all processes; single ones are named to those who may see them. One thread.

#ifndef APEXD_METHOD_TOPOLOGY_H
#define APEXD_METHOD_TOPOLOGY_H

#include "apexd/roster.h"
#include "apexd/topology.h"

#include <cjson/cJSON.h>
#include <sys/types.h>

#define METHOD_TOPOLOGY_RESIDENTS 8 // processes that are named, for each node: those with most

// The result, NULL when memory is short.
cJSON *method_topology(struct roster *roster, const struct topology *t, const char *boot_id,
                       uid_t uid);

#endif
