// SPDX-License-Identifier: MIT
//
// Asks the kernel; see shortage.h.

#include "apexd/shortage.h"

#include "apexd/small_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PRESSURE_PATH "/proc/pressure/memory"
#define VMSTAT_PATH "/proc/vmstat"
#define GROUPS_PATH "/sys/fs/cgroup"
// Where version 1 has the controllers, and version 2 only counts who waits.
#define GROUPS_BESIDE_PATH GROUPS_PATH "/unified"
#define PATH_BYTES_MAX 4096
#define TEXT_BYTES_MAX 256
#define VMSTAT_BYTES_MAX 32768
#define NEAR_SHARE 16 // of a limit: who is so close has reached it

void
shortage_init(struct shortage *shortage, const char *pressure_path)
{
    bool beside = access(GROUPS_PATH "/cgroup.controllers", F_OK) != 0 &&
                  access(GROUPS_BESIDE_PATH "/cgroup.controllers", F_OK) == 0;

    *shortage = (struct shortage){
        .pressure_path = pressure_path == NULL ? PRESSURE_PATH : pressure_path,
        .vmstat_path = pressure_path == NULL ? VMSTAT_PATH : NULL,
        .groups_path = beside ? GROUPS_BESIDE_PATH : GROUPS_PATH,
    };
}

unsigned
shortage_parse_pressure(const char *text)
{
    unsigned whole = 0;
    unsigned hundredths = 0;

    if (sscanf(text, "some avg10=%3u.%2u", &whole, &hundredths) < 1) {
        return 0;
    }
    return whole * 100 + hundredths;
}

static bool
shortage_waits(const char *path)
{
    char text[TEXT_BYTES_MAX];

    return small_file_read(path, text, sizeof text) &&
           shortage_parse_pressure(text) >= SHORTAGE_PERCENT * 100;
}

// --- The machine ---------------------------------------------------------------------------------

// pgscan_kswapd and pgscan_direct do not count what is done within a group. False when the kernel
// does not say.
static bool
shortage_read_scanned(const char *path, uint64_t *scanned)
{
    static const char *const names[] = {"\npgscan_kswapd ", "\npgscan_direct "};
    static char text[VMSTAT_BYTES_MAX];
    uint64_t pages = 0;

    *scanned = 0;
    if (!small_file_read(path, text, sizeof text)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *at = strstr(text, names[i]);
        if (at == NULL || sscanf(at + strlen(names[i]), "%" SCNu64, &pages) != 1) {
            return false;
        }
        *scanned += pages;
    }
    return true;
}

// Whether pages were looked for on the whole machine lately. Where nobody says, they may have been.
static bool
shortage_scans(struct shortage *shortage, uint64_t now_ns)
{
    uint64_t scanned;

    if (shortage->vmstat_path == NULL || !shortage_read_scanned(shortage->vmstat_path, &scanned)) {
        return true;
    }
    if (shortage->scan_known && scanned != shortage->scanned) {
        shortage->scanned_ns = now_ns;
    }
    shortage->scan_known = true;
    shortage->scanned = scanned;
    return shortage->scanned_ns != 0 && now_ns - shortage->scanned_ns < SHORTAGE_SCAN_NS;
}

bool
shortage_of_machine(struct shortage *shortage, bool told, uint64_t now_ns)
{
    bool scans = shortage_scans(shortage, now_ns);

    return scans && (told || shortage_waits(shortage->pressure_path));
}

// --- Control groups ------------------------------------------------------------------------------

// The path of a file of the group; `group` is without a slash at its end.
static bool
shortage_path(const struct shortage *shortage, const char *group, const char *name,
              char path[PATH_BYTES_MAX])
{
    int length = snprintf(path, PATH_BYTES_MAX, "%s%s/%s", shortage->groups_path, group, name);
    return length > 0 && length < PATH_BYTES_MAX;
}

// A number of the group; UINT64_MAX for "max", and where there is none.
static uint64_t
shortage_number(const struct shortage *shortage, const char *group, const char *name)
{
    char path[PATH_BYTES_MAX];
    char text[TEXT_BYTES_MAX];
    uint64_t number;

    if (!shortage_path(shortage, group, name, path) || !small_file_read(path, text, sizeof text) ||
        sscanf(text, "%" SCNu64, &number) != 1) {
        return UINT64_MAX;
    }
    return number;
}

static bool
shortage_at_limit(const struct shortage *shortage, const char *group)
{
    uint64_t high = shortage_number(shortage, group, "memory.high");
    uint64_t max = shortage_number(shortage, group, "memory.max");
    uint64_t limit = high < max ? high : max;
    uint64_t current = shortage_number(shortage, group, "memory.current");

    return limit != UINT64_MAX && current != UINT64_MAX && current >= limit - limit / NEAR_SHARE;
}

static bool
shortage_group_waits(const struct shortage *shortage, const char *group)
{
    char path[PATH_BYTES_MAX];

    return shortage_path(shortage, group, "memory.pressure", path) && shortage_waits(path);
}

// The group of all groups is the machine; within a container what looks like it is none.
static bool
shortage_is_root(const struct shortage *shortage, const char *group)
{
    char path[PATH_BYTES_MAX];

    return group[0] == '\0' &&
           (!shortage_path(shortage, group, "cgroup.type", path) || access(path, F_OK) != 0);
}

bool
shortage_of_group(const struct shortage *shortage, const char *group)
{
    char at[PATH_BYTES_MAX];
    int length = snprintf(at, sizeof at, "%s", strcmp(group, "/") == 0 ? "" : group);

    // One outside our view of the tree has a path with `..`.
    if (length < 0 || (size_t)length >= sizeof at || strstr(at, "..") != NULL ||
        (at[0] != '\0' && at[0] != '/')) {
        return false;
    }
    for (unsigned level = 0; level < SHORTAGE_LEVELS_MAX && !shortage_is_root(shortage, at);
         level++) {
        if (shortage_group_waits(shortage, at) && (level == 0 || shortage_at_limit(shortage, at))) {
            return true;
        }
        char *last = strrchr(at, '/');
        if (last == NULL) {
            break;
        }
        *last = '\0';
    }
    return false;
}
