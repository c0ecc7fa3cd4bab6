// SPDX-License-Identifier: MIT
//
// Settings, figures and actions by dotted name: what stands behind apex_ctl(), whose contract is in
// apex.h. The leaves are those of tables/ctl.def. Any thread; no lock is held while a name is
// looked for, and nothing is allocated.

#ifndef APEX_FRONT_CTL_H
#define APEX_FRONT_CTL_H

#include "apex.h"

#include <stdbool.h>
#include <stddef.h>

// A leaf, and which of its values when its name has an `<i>`.
struct ctl_place {
    size_t leaf;
    size_t index;
};

// What a caller hands over, as apex_ctl has it.
struct ctl_call {
    void *old_value;
    size_t *old_bytes;
    const void *new_value;
    size_t new_bytes;
};

// All return 0 or an errno value, and keep errno.
int ctl_find(const char *name, struct ctl_place *place);
int ctl_do(struct ctl_place place, const struct ctl_call *call);
int ctl_leaf(size_t index, struct apex_ctl_leaf *leaf);

// True if the name of this leaf has an `<i>`. `leaf` may be any number.
bool ctl_has_index(size_t leaf);

#endif
