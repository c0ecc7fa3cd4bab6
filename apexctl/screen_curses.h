// SPDX-License-Identifier: MIT
//
// What screen.c needs of ncurses; the rules are those of screen.h. Without ncurses no terminal is
// one that it knows.

#ifndef APEXCTL_SCREEN_CURSES_H
#define APEXCTL_SCREEN_CURSES_H

#include "apexctl/screen_line.h"

#include <stdbool.h>

#ifdef APEX_CURSES

// False when ncurses does not know the terminal; then nothing has changed.
bool screen_curses_open(bool with_colours);

void screen_curses_close(void);
void screen_curses_resume(void);
void screen_curses_resize(unsigned columns, unsigned rows);
void screen_curses_draw(const struct screen_line *line, unsigned count);

#else

static inline bool
screen_curses_open(bool with_colours)
{
    (void)with_colours;
    return false;
}

static inline void
screen_curses_close(void)
{
}

static inline void
screen_curses_resume(void)
{
}

static inline void
screen_curses_resize(unsigned columns, unsigned rows)
{
    (void)columns;
    (void)rows;
}

static inline void
screen_curses_draw(const struct screen_line *line, unsigned count)
{
    (void)line;
    (void)count;
}

#endif
#endif
