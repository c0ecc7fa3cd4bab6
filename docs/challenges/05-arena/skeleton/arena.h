// SPDX-License-Identifier: MIT
//
// An arena: objects that come one by one and end together. Its memory is libapex's (apex_malloc,
// apex_calloc, apex_aligned_alloc, apex_free).
//
// Any number of threads may allocate from one arena at once; who opens and closes it is alone.

#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena;

// An arena without objects. NULL, and errno ENOMEM, when there is no memory.
struct arena *arena_open(void);

// An object of `size` bytes at a multiple of `align`, a power of two up to 4096. It lives until the
// arena is closed. NULL, and errno ENOMEM, when there is no memory; the arena is as it was then.
void *arena_alloc(struct arena *arena, size_t size, size_t align);

// Has `finish` called with `argument` when the arena is closed, before any of its objects ends:
// what was registered last is called first. False, and errno ENOMEM, when there is no memory.
// `finish` must not use the arena.
typedef void arena_finish(void *argument);
_Bool arena_on_close(struct arena *arena, arena_finish *finish, void *argument);

// Ends the arena and all objects in it.
void arena_close(struct arena *arena);

#endif
