// SPDX-License-Identifier: MIT
//
// What has been counted, by kind of process: one group for each name, user and unit. A counter
// that is summed over the processes that live would fall whenever one of them exits, and whoever
// computes a rate from it would see a leap; so when a process leaves, its counters stay in its
// group.
//
// Names come from strangers: groups are bounded, in sum and for each user, and so are the counters
// that this daemon does not know. What finds no room goes to the group LEDGER_OTHER. One thread.

#ifndef APEXD_LEDGER_H
#define APEXD_LEDGER_H

#include "apexd/page_map.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LEDGER_GROUPS_MAX 64        // besides LEDGER_OTHER
#define LEDGER_GROUPS_OF_UID_MAX 16 // for each user but root and ourselves
#define LEDGER_OTHER 0
#define LEDGER_FIELDS_MAX 96 // those of stats.def, and some that are newer
#define LEDGER_COMM_BYTES 17 // with its NUL
#define LEDGER_UNIT_BYTES 65 // with its NUL
#define LEDGER_NO_FIELD UINT8_MAX
#define LEDGER_NODES_MAX 64 // NUMA nodes of the machine, those that have gone included

struct ledger_field {
    uint32_t section; // APEX_SECTION_PROCESS or APEX_SECTION_THREAD
    bool is_gauge;
    char name[APEX_STATS_NAME_MAX];
    char unit[8];
    const char *text; // of stats.def; NULL for one that only the page of a process knows
};

// Who a process is, as far as sums tell. Both texts are valid UTF-8 without control characters.
struct ledger_key {
    uid_t uid;
    char comm[LEDGER_COMM_BYTES];
    char unit[LEDGER_UNIT_BYTES]; // the innermost control group; empty when it cannot be told
};

// Values by NUMA node of the machine, in the order of the ledger's `node`.
typedef uint64_t ledger_nodes[LEDGER_NODES_MAX][PAGE_NODE_VALUES];

struct ledger_group {
    struct ledger_key key;
    unsigned live;                    // processes in it now
    uint64_t started;                 // processes ever in it; 0 marks a place that is not used
    uint64_t order;                   // when the last of them came or went, in events
    uint64_t past[LEDGER_FIELDS_MAX]; // counters of those that have left
    ledger_nodes past_node;           // the same by node
};

struct ledger {
    unsigned field_count;
    struct ledger_field field[LEDGER_FIELDS_MAX];
    struct ledger_group group[LEDGER_GROUPS_MAX + 1];
    uint64_t gone[LEDGER_FIELDS_MAX]; // of groups that had to make room
    ledger_nodes gone_node;
    unsigned node_count;
    uint32_t node[LEDGER_NODES_MAX]; // as the kernel numbers them
    uint64_t events;
};

// Where the values of one process go.
struct ledger_place {
    unsigned group;
    uint8_t field[PAGE_MAP_FIELDS_MAX]; // by field of its page: of the ledger, or LEDGER_NO_FIELD
};

// Knows all of stats.def afterwards, and no group.
void ledger_init(struct ledger *ledger);

// The machine has this node: what pages say of others is left out, or each of them could bring as
// many as it likes. Nothing happens when it is known.
void ledger_know_node(struct ledger *ledger, uint32_t number);

// A process comes: finds or makes its group. A group without processes makes room for a new one,
// the one that has been without for longest. A field of the page that stats.def has, but as
// another kind or in another unit, is left out.
void ledger_enter(struct ledger *ledger, const struct ledger_key *key, const struct page_map *map,
                  struct ledger_place *place);

// It goes; `s` is the last that its page said.
void ledger_leave(struct ledger *ledger, const struct ledger_place *place,
                  const struct page_map *map, const struct page_snapshot *s);

// Adds the values of a page to `value`, one for each field of the ledger; sums saturate.
void ledger_add(const struct ledger_place *place, const struct page_map *map,
                const struct page_snapshot *s, uint64_t value[LEDGER_FIELDS_MAX]);

// Adds what a page says by node.
void ledger_add_nodes(const struct ledger *ledger, const struct page_map *map, ledger_nodes value);

// Adds one to the other.
void ledger_sum_nodes(ledger_nodes sum, const ledger_nodes value);

#endif
