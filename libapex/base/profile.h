// SPDX-License-Identifier: MIT
//
// The two libraries are one source, and this file is all the difference there is between them: the
// constants that say which mitigations are on. Code asks them by a plain `if`, which costs nothing,
// and is compiled in both libraries whatever the answer.
//
//   libapex.so.0            fast: every constant is 0
//   libapex-hardened.so.0   hardened (APEX_HARDENED): every constant is 1
//
// Each can be set by -D on the compiler's command line, so that a bench can price it alone
// (docs/SECURITY.md). All but the header stand on the header.

#ifndef APEX_BASE_PROFILE_H
#define APEX_BASE_PROFILE_H

#ifdef APEX_HARDENED
#define PROFILE_DEFAULT 1
#else
#define PROFILE_DEFAULT 0
#endif

// In front of each chunk 8 bytes: state, class, size that was asked for, under a keyed checksum.
#define PROFILE_HEADER PROFILE_DEFAULT

// The checksum is computed and looked at.
#ifndef PROFILE_CHECKSUM
#define PROFILE_CHECKSUM PROFILE_DEFAULT
#endif

// 8 bytes behind what was asked for that a free finds unchanged.
#ifndef PROFILE_CANARY
#define PROFILE_CANARY PROFILE_DEFAULT
#endif

// Freed memory is zeroed, and is still zero when it is allocated again.
#ifndef PROFILE_ZERO
#define PROFILE_ZERO PROFILE_DEFAULT
#endif

// Freed chunks wait for a random time before they can be allocated again.
#ifndef PROFILE_QUARANTINE
#define PROFILE_QUARANTINE PROFILE_DEFAULT
#endif

// Chunks are carved in random order.
#ifndef PROFILE_SHUFFLE
#define PROFILE_SHUFFLE PROFILE_DEFAULT
#endif

// What was allocated by malloc, new or new[] is freed by its counterpart, and with its own size.
#ifndef PROFILE_TYPES
#define PROFILE_TYPES PROFILE_DEFAULT
#endif

// Pages that cannot be accessed behind blocks, around descriptors and in place of free blocks;
// freed mappings cannot be either.
#ifndef PROFILE_GUARD
#define PROFILE_GUARD PROFILE_DEFAULT
#endif

// Keys and other constants are read-only once the process has started; and so are records of large
// objects, when the option `seal_metadata` says so.
#ifndef PROFILE_READONLY
#define PROFILE_READONLY PROFILE_DEFAULT
#endif

#define HEADER_BYTES (PROFILE_HEADER ? 8 : 0)
#define CANARY_BYTES (PROFILE_CANARY ? 8 : 0)

// What a chunk holds besides what was asked for.
#define OVERHEAD_BYTES (HEADER_BYTES + CANARY_BYTES)

// The guard behind each block.
#define GUARD_BYTES (PROFILE_GUARD ? 4096u : 0u)

#endif
