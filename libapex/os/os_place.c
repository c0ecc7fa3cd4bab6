// SPDX-License-Identifier: MIT
//
// The contract of os_place.h on Linux. In the fault-injecting twin this file, too, is compiled once
// more with `real_` in the names (os_linux.c).

#ifdef OS_FAULT_TWIN
#include "os/os_real_names.h"
#endif

#include "os/os_place.h"

#include "base/atomic.h"
#include "os/os.h"
#include "os/os_raw.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>

#define PLACE_PREFERRED_MANY 5 // Linux 5.15

// The kernel takes one off before it uses it: so many, and it reads all of the set. With one less
// the last node would be left out, and with more it would read behind the end.
#define PLACE_MAXNODE (OS_NODES_MAX + 1UL)

enum { PLACE_BIND = 0, PLACE_MANY = 1, PLACE_QUERY = 2 };

static uint32_t place_refusals[3]; // errno values that stay, 0 when there are none; atomic

// Enters what became of a call that a sandbox or an old kernel may refuse for good.
static int
os_place_result(unsigned call, long result)
{
    int error = os_raw_error(result);

    if (error == EPERM || error == ENOSYS || (error == EINVAL && call == PLACE_MANY)) {
        store_relaxed(&place_refusals[call], (uint32_t)error);
    }
    return error;
}

static int
os_place_bind(void *address, size_t bytes, int mode, const struct os_nodes *nodes)
{
    unsigned long maxnode = nodes == NULL ? 0 : PLACE_MAXNODE;
    int refused = (int)load_relaxed(&place_refusals[PLACE_BIND]);

    if (refused != 0) {
        return refused;
    }
    os_count_call();
    return os_place_result(PLACE_BIND,
                           OS_RAW(SYS_mbind, address, bytes, mode, nodes, maxnode, 0));
}

// Leaves the lowest of the set; true if there were others.
static bool
os_place_lowest(struct os_nodes *nodes)
{
    bool found = false;
    bool others = false;

    for (unsigned i = 0; i < OS_NODES_MAX / 64; i++) {
        uint64_t word = nodes->word[i];
        uint64_t keep = found ? 0 : word & -word;
        others = others || word != keep;
        found = found || word != 0;
        nodes->word[i] = keep;
    }
    return others;
}

int
os_place_prefer(void *address, size_t bytes, const struct os_nodes *nodes)
{
    struct os_nodes lowest = *nodes;

    if (os_place_lowest(&lowest) && load_relaxed(&place_refusals[PLACE_MANY]) == 0) {
        int error = os_place_bind(address, bytes, PLACE_PREFERRED_MANY, nodes);
        if (error != EINVAL) {
            return error;
        }
        // Of no such policy, or of no such nodes; the next call tells.
        error = os_place_bind(address, bytes, MPOL_PREFERRED, &lowest);
        if (error == 0) {
            os_place_result(PLACE_MANY, -EINVAL);
        }
        return error;
    }
    return os_place_bind(address, bytes, MPOL_PREFERRED, &lowest);
}

int
os_place_interleave(void *address, size_t bytes, const struct os_nodes *nodes)
{
    return os_place_bind(address, bytes, MPOL_INTERLEAVE, nodes);
}

int
os_place_default(void *address, size_t bytes)
{
    return os_place_bind(address, bytes, MPOL_DEFAULT, NULL);
}

bool
os_place_binds(void)
{
    return load_relaxed(&place_refusals[PLACE_BIND]) == 0;
}

int
os_place_query(void *const *page, unsigned count, int *status)
{
    int refused = (int)load_relaxed(&place_refusals[PLACE_QUERY]);

    if (refused != 0 || count == 0) {
        return refused;
    }
    os_count_call();
    return os_place_result(PLACE_QUERY, OS_RAW(SYS_move_pages, 0, (unsigned long)count, page, NULL,
                                               status, 0));
}
