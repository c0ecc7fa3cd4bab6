// SPDX-License-Identifier: MIT
//
// Where memory lies and threads run, by NUMA node: of one process as a struct picture, of the
// machine as a struct picture_host, and sums over all processes. From stats pages, /proc/PID/status
// and the first line of /proc/PID/numa_maps; docs/decisions/0022 says why from these, and what each
// costs. Pages may lie: sums saturate, and nodes that the machine does not have are left out.
// One thread.

#ifndef APEXD_PLACEMENT_H
#define APEXD_PLACEMENT_H

#include "apexd/picture.h"
#include "apexd/roster.h"

#include <stdbool.h>
#include <stdint.h>

#define PLACEMENT_ASK_NS UINT64_C(10000000000) // between two requests to one process to sample
#define PLACEMENT_ASKS_MAX 512u                // processes asked in one beat; others in the next
#define PLACEMENT_SAMPLE_PAGES 512u            // that the daemon itself asks the kernel about

// Sums over processes of one node, in the order of struct topology.
struct placement_node {
    uint64_t processes; // with memory or threads there
    uint64_t threads;
    uint64_t value[PAGE_NODE_VALUES];
};

struct placement {
    bool samples; // asks the kernel itself where a process that does not tell has its pages
    size_t next;  // in the roster
};

// What the machine says now.
void placement_host(const struct topology *t, struct picture_host *host);

// Adds what a page says to `node`, one for each of the topology.
void placement_add(const struct client *client, const struct topology *t,
                   struct placement_node node[TOPOLOGY_NODES_MAX]);

// Adds the figures of one node to those of another.
void placement_sum(struct placement_node *sum, const struct placement_node *node);

// What a page alone says, for many processes: in the picture is neither what the process may use
// nor its policy. The rest as in placement_picture.
void placement_look(struct client *client, const struct topology *t, bool goes_on, uint64_t now_ns,
                    struct picture *out);

// The picture of a process now. Its counters are those since the last picture that was taken with
// `goes_on`, and the next such one begins here; without, they are those since it registered.
// Nothing of the page is trusted; `out` has node_count of the topology.
void placement_picture(struct client *client, const struct topology *t, bool goes_on,
                       uint64_t now_ns, struct picture *out);

// Once a second: asks processes to look where a few of their pages are, each one every
// PLACEMENT_ASK_NS. Nothing happens on a machine with one node.
void placement_beat(struct placement *placement, struct roster *roster, const struct topology *t,
                    uint64_t now_ns);

// --- For tests -----------------------------------------------------------------------------------

// What the text of /proc/PID/status says.
void placement_parse_status(const char *text, const struct topology *t, struct picture *out);

// What the first line of numa_maps says: the policy of the process, where its parts have no other.
void placement_parse_policy(const char *line, struct picture *out);

#endif
