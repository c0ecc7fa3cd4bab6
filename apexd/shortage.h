// SPDX-License-Identifier: MIT
//
// Whether memory is short, for the whole machine or for the control group of a process.
//
// The kernel tells how long tasks waited for memory (pressure stall information, PSI), and not
// whose memory was short: what waits in a group that has reached its own memory.high counts for the
// groups around it and for the machine as well, and those who live beside that group could give
// back all they have and help nobody. So the pressure of the group of a process counts as it is;
// that of a group around it only while that one is at a limit of its own; and that of the machine
// only when the kernel has lately looked for pages to take everywhere, and not just within groups.
// One thread.

#ifndef APEXD_SHORTAGE_H
#define APEXD_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

#define SHORTAGE_PERCENT 10                    // of the last 10 s
#define SHORTAGE_SCAN_NS UINT64_C(10000000000) // what was looked for so lately counts
#define SHORTAGE_LEVELS_MAX 16                 // groups around a process

struct shortage {
    const char *pressure_path; // of the whole machine
    const char *vmstat_path;   // NULL: what `pressure_path` says is enough
    const char *groups_path;   // where control groups of version 2 are
    bool scan_known;           // `scanned` has been read
    uint64_t scanned;          // pages that the kernel has looked at, on the whole machine
    uint64_t scanned_ns;       // when that was last seen to grow; 0: never
};

// `pressure_path`: another file in place of that of the kernel, or NULL; nothing but it is asked
// then about the machine.
void shortage_init(struct shortage *shortage, const char *pressure_path);

// Once a second, or what the kernel looked for is dated too late. `told`: that tasks wait is known,
// by a trigger of the kernel; averages know later.
bool shortage_of_machine(struct shortage *shortage, bool told, uint64_t now_ns);

// `group`: as in /proc/PID/cgroup, "/a/b".
bool shortage_of_group(const struct shortage *shortage, const char *group);

// "some avg10=12.34 …" in hundredths of a per cent; 0 when the text is none.
unsigned shortage_parse_pressure(const char *text);

#endif
