// SPDX-License-Identifier: MIT
//
// Lists of free chunks, in one of two ways with the same functions:
//
//   core/freelist_linked.h   fast: link and mark in the free chunk itself, where the object was
//   core/freelist_signed.h   hardened: both in the chunk's header, under a checksum; what a program
//                            writes to freed memory does not reach them
//
//   chunk_of, chunk_object     from the address that the program has to its chunk, and back
//   freelist_key               the key of a block's lists, from a random number
//   freelist_make              links and marks a chunk that has not been out since its block was
//                              made; `memory` is what is known of its contents
//   freelist_memory            what that was, of a chunk that is free
//   freelist_set_next          links a free chunk, and marks it, but see the next
//   freelist_mark_free         marks a chunk as free; done after each set_next of a chunk that was
//                              allocated
//   freelist_mark_used         takes the mark away
//   freelist_next              the next chunk; an address that lies in no superblock when the link
//                              is recognised as broken
//   freelist_may_be_free       false: surely live, in a block of class `c`. What free() asks on its
//                              fast path
//   freelist_is_free           the closer look

#ifndef APEX_CORE_FREELIST_H
#define APEX_CORE_FREELIST_H

#include "base/profile.h"

enum chunk_memory { MEMORY_LOOK, MEMORY_ZERO, MEMORY_WIPE };

#if PROFILE_HEADER
#include "core/freelist_signed.h"
#else
#include "core/freelist_linked.h"
#endif

#endif
