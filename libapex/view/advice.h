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

// Takes what is new on the page, of which `bytes` mean something: not the request to purge that was
// made before the process saw this page for the first time.
void advice_begin(const struct apex_advice_page *page, uint32_t bytes);

// Takes what has changed since.
void advice_follow(const struct apex_advice_page *page, uint32_t bytes);

// The daemon is gone: all options as the process wants them. Cheap when there was no advice.
void advice_end(void);

#endif
