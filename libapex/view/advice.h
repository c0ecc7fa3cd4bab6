// SPDX-License-Identifier: MIT
//
// What apexd asks of this process (abi/advice_page.h): values for options, and memory back now. The
// page is a stranger's: it is copied, checked and clamped, and what the process wanted itself comes
// back when the advice ends, whichever way that happens.
//
// Threads: one at a time (under the lock of attach.c), holding no other lock.

#ifndef APEX_VIEW_ADVICE_H
#define APEX_VIEW_ADVICE_H

#include "abi/advice_page.h"

#include <stdint.h>

// Takes what this page says, of which `bytes` mean something, in the place of what is in force from
// the page before: what both say does not change even for a moment. What the new one does not say
// ends; while it is being changed, what is in force stays. Requests on it (to purge, say) that were
// made before the process saw it are none.
void advice_begin(const struct apex_advice_page *page, uint32_t bytes);

// Takes what has changed since.
void advice_follow(const struct apex_advice_page *page, uint32_t bytes);

// The daemon is gone: all options as the process wants them. Cheap when there was no advice. Until
// then what was advised stays in force, with or without a page.
void advice_end(void);

#endif
