// SPDX-License-Identifier: MIT
//
// Lines on the screen by ncurses, which sends only what has changed: that matters over a slow line.
// Keys and signals are not its business here, screen.c has them. Compiled only with ncurses.

#include "apexctl/screen_curses.h"

#include <curses.h>
#include <stdio.h>

static SCREEN *terminal;
static attr_t attributes[SCREEN_STYLE_COUNT];

enum { PAIR_WARNING = 1, PAIR_SELECTED };

static void
screen_curses_colours(bool with_colours)
{
    attributes[SCREEN_BOLD] = A_BOLD;
    attributes[SCREEN_DIM] = A_DIM;
    attributes[SCREEN_HEADER] = A_BOLD | A_UNDERLINE;
    attributes[SCREEN_SELECTED] = A_REVERSE;
    attributes[SCREEN_WARNING] = A_BOLD;
    if (with_colours && has_colors() && start_color() == OK && use_default_colors() == OK) {
        init_pair(PAIR_WARNING, COLOR_RED, -1);
        init_pair(PAIR_SELECTED, COLOR_CYAN, -1);
        attributes[SCREEN_WARNING] |= COLOR_PAIR(PAIR_WARNING);
        attributes[SCREEN_SELECTED] |= COLOR_PAIR(PAIR_SELECTED);
    }
}

bool
screen_curses_open(bool with_colours)
{
    terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL) {
        return false;
    }
    set_term(terminal);
    curs_set(0);
    screen_curses_colours(with_colours);
    return true;
}

void
screen_curses_close(void)
{
    endwin();
}

void
screen_curses_resume(void)
{
    clearok(stdscr, TRUE); // what is on the screen is no longer ours
    refresh();
}

void
screen_curses_resize(unsigned columns, unsigned rows)
{
    resizeterm((int)rows, (int)columns);
    clearok(stdscr, TRUE);
}

void
screen_curses_draw(const struct screen_line *line, unsigned count)
{
    erase();
    for (unsigned i = 0; i < count; i++) {
        attrset((int)attributes[line[i].style]);
        mvaddstr((int)i, 0, line[i].text);
    }
    attrset(A_NORMAL);
    refresh();
}
