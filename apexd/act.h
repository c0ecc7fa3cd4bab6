// SPDX-License-Identifier: MIT
//
// What the daemon does by itself, in acting mode only (`apexd --act`): it takes free memory from
// processes that have gone idle, and where memory is short it has processes keep less.
//
// Sweeping: a process is idle when nothing on its page has changed for ACT_IDLE_NS. Its free blocks
// and cached large objects are on the page; one process_madvise(MADV_PAGEOUT) for many of them has
// the kernel take what libapex has marked as not needed (MADV_FREE). A range that was reused
// meanwhile loses nothing: its pages are not marked any more, and without swap they stay. Where
// there is swap, what is not marked would be written there, so then it is only done under pressure.
// The addresses are a stranger's word, and the kernel applies them to that stranger alone.
//
// Pressure: a process is under pressure when memory is short in its control group, in one around it
// or on the machine (apexd/shortage.h). It is advised a short decay and a low floor, unless it has
// less or somebody has said less, and swept earlier, and all that is taken back ACT_HOLD_NS after
// the last sign. One thread.

#ifndef APEXD_ACT_H
#define APEXD_ACT_H

#include "apexd/roster.h"
#include "apexd/shortage.h"

#include <stdbool.h>
#include <stdint.h>

#define ACT_IDLE_NS UINT64_C(2000000000)
#define ACT_IDLE_PRESSED_NS UINT64_C(500000000)
#define ACT_HOLD_NS UINT64_C(10000000000)
#define ACT_DECAY_MS 50
#define ACT_FLOOR_BYTES (UINT64_C(1) << 20)
#define ACT_LOOKS_MAX 256 // processes looked at in one beat; the others in the next ones

struct act {
    bool enabled;
    struct shortage shortage;
    uint64_t pressed_until_ns;
    size_t next; // in the roster
    bool denied; // said so already
};

// `pressure_path`: NULL for the kernel's. Nothing is done unless `enabled`.
void act_init(struct act *act, bool enabled, const char *pressure_path);

// A trigger of the kernel says that tasks wait for memory, now.
void act_press(struct act *act, struct roster *roster, uint64_t now_ns);

// Once a second.
void act_beat(struct act *act, struct roster *roster, uint64_t now_ns);

#endif
