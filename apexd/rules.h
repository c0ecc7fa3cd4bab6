// SPDX-License-Identifier: MIT
//
// Rules for processes to come: which options those shall have that match. A JSON file
// (apexd.json(5)), read at the start and on SIGHUP, and written when `apexctl tune --persist` says
// so; whatever else is in the file stays. One thread.
//
//   {"version": 1, "rules": [{"match": {"comm": "redis-server"}, "options": {"decay_ms": "100"},
//                             "numa": "act"}]}

#ifndef APEXD_RULES_H
#define APEXD_RULES_H

#include "apexd/client.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

#define RULES_PATH "/etc/apex/apexd.json"
#define RULES_PATH_MAX 4096
#define RULES_WHY_BYTES 256

struct rules {
    char path[RULES_PATH_MAX];
    cJSON *root; // of the file; checked: rules_apply trusts its form
};

// Reads the file; one that is not there has no rules. False with a sentence in `why` when it cannot
// be read, makes no sense, or others could write to it; the rules are then what they were before.
bool rules_load(struct rules *rules, const char *path, char why[RULES_WHY_BYTES]);

// Sets what the rules want of this process, the later ones winning, and tells it. Whether advice on
// NUMA may be acted on is set as well.
void rules_apply(const struct rules *rules, struct client *client);

// "comm=redis-server,uid=33" as an object to match by, the caller's. NULL with a sentence in `why`.
// comm: the name a process gives itself; exe: path of its program; uid: of its user, a number;
// cgroup: its control group, or one above it.
cJSON *rules_match_of(const char *text, char why[RULES_WHY_BYTES]);

bool rules_match(const cJSON *match, const struct client *client);

// Writes values into the rule with this very match, which is made if it is missing; or with
// `remove` takes those keys out, and the rule when none is left. False with a sentence in `why`;
// nothing has changed then.
bool rules_persist(struct rules *rules, const cJSON *match, const char *settings, bool remove,
                   char why[RULES_WHY_BYTES]);

// A copy of the array of rules; NULL when memory is short.
cJSON *rules_list(const struct rules *rules);

void rules_free(struct rules *rules);

#endif
