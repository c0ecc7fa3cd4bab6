// SPDX-License-Identifier: MIT
//
// The ladder of checks. One claim for each check, never two joined by &&.
//
//   apex_verify   always on. What an attacker or a program error can make false; cheap, and off
//                 the fast path.
//   apex_assert   debug builds. What only an error of ours can make false.
//   apex_audit    debug builds. The same, but it walks a structure: O(n).
//
// Switched by a constant, not by the preprocessor at the use: the condition is always compiled.

#ifndef APEX_BASE_CHECK_H
#define APEX_BASE_CHECK_H

#include "base/compiler.h"
#include "base/fault.h"

#include <stdbool.h>

#ifdef APEX_DEBUG
enum { CHECK_DEBUG = 1 };
#else
enum { CHECK_DEBUG = 0 };
#endif

#define apex_verify(claim, address)            \
    do {                                       \
        if (unlikely(!(claim))) {              \
            fault_panic(#claim, (address));    \
        }                                      \
    } while (0)

#define apex_assert(claim)                     \
    do {                                       \
        if (CHECK_DEBUG && unlikely(!(claim))) { \
            fault_panic(#claim, 0);            \
        }                                      \
    } while (0)

#define apex_audit(claim) apex_assert(claim)

#endif
