// SPDX-License-Identifier: MIT
//
// Where to keep what is decided when the process starts, and never again: keys, function pointers,
// options. In the hardened profile each module has its own on pages that nothing else shares, all
// of them in one section of the library, which becomes read-only by a single system call as soon as
// the process has started (policy/config.c). A write to them ends by SIGSEGV then, however well
// the attacker knows their address.
//
//   struct OWN_PAGES rule { … };          the type fills whole pages
//   static CONSTANT struct rule rule;     the object lies in the section
//
// The fast profile has neither the pages nor the section.

#ifndef APEX_BASE_CONSTANTS_H
#define APEX_BASE_CONSTANTS_H

#include "base/profile.h"

// The largest page that the kernel may have been built with.
#if defined(__aarch64__)
#define PAGE_BYTES_MAX 65536
#else
#define PAGE_BYTES_MAX 4096
#endif

#if PROFILE_READONLY
#define OWN_PAGES __attribute__((aligned(PAGE_BYTES_MAX)))
#define CONSTANT __attribute__((section("apex_constants")))
#else
#define OWN_PAGES
#define CONSTANT
#endif

// Both ends of the section; NULL in the fast profile.
extern char constants_first[] __asm__("__start_apex_constants")
    __attribute__((weak, visibility("hidden")));
extern char constants_end[] __asm__("__stop_apex_constants")
    __attribute__((weak, visibility("hidden")));

#endif
