// SPDX-License-Identifier: MIT
//
// An arena that asks libapex for each object, and remembers all of them in a list. For one thread.

#include "arena.h"

#include <apex.h>
#include <stdbool.h>

struct piece {
    struct piece *next;
    arena_finish *finish; // NULL in an object
    void *argument;
};

struct arena {
    struct piece *pieces; // the last one first
};

struct arena *
arena_open(void)
{
    return apex_calloc(1, sizeof(struct arena));
}

static void
arena_add(struct arena *arena, struct piece *piece)
{
    piece->next = arena->pieces;
    arena->pieces = piece;
}

void *
arena_alloc(struct arena *arena, size_t size, size_t align)
{
    size_t front = (sizeof(struct piece) + align - 1) & ~(align - 1);
    struct piece *piece = apex_aligned_alloc(align < 16 ? 16 : align, front + size);

    if (piece == NULL) {
        return NULL;
    }
    piece->finish = NULL;
    arena_add(arena, piece);
    return (char *)piece + front;
}

bool
arena_on_close(struct arena *arena, arena_finish *finish, void *argument)
{
    struct piece *piece = apex_malloc(sizeof *piece);

    if (piece != NULL) {
        piece->finish = finish;
        piece->argument = argument;
        arena_add(arena, piece);
    }
    return piece != NULL;
}

void
arena_close(struct arena *arena)
{
    struct piece *next;

    for (struct piece *piece = arena->pieces; piece != NULL; piece = next) {
        next = piece->next;
        if (piece->finish != NULL) {
            piece->finish(piece->argument);
        }
        apex_free(piece);
    }
    apex_free(arena);
}
