// SPDX-License-Identifier: MIT
//
// The whole terminal as lines of text: drawn by ncurses, or, where apexctl was built without it or
// it does not know the terminal, by the few sequences that every terminal has understood since the
// VT100. There is one screen; one thread uses it.
//
// Whatever ends the process leaves the terminal as it was found: exit(), the signals that ask for
// an end, and those of a crash. Only SIGKILL cannot be helped.

#ifndef APEXCTL_SCREEN_H
#define APEXCTL_SCREEN_H

#include "apexctl/screen_line.h"

#include <stdbool.h>
#include <stddef.h>

#define SCREEN_ROWS_MAX 256 // what a larger terminal has more stays empty

// Keys that are no character, and what else screen_key() can tell.
enum screen_key {
    SCREEN_NOTHING = 0, // the time is over
    SCREEN_ENTER = '\n',
    SCREEN_ESCAPE = 27,
    SCREEN_BACKSPACE = 127,
    SCREEN_UP = 256,
    SCREEN_DOWN,
    SCREEN_LEFT,
    SCREEN_RIGHT,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
    SCREEN_HOME,
    SCREEN_END,
    SCREEN_RESIZED, // or back from being suspended: draw anew
    SCREEN_ENDED,   // a signal asked for the end, or the terminal has gone
};

// True when standard input and output are a terminal that can be drawn on: TERM is neither empty
// nor `dumb`.
bool screen_is_possible(void);

// Takes the terminal over. False after a line on stderr.
bool screen_open(bool with_colours);

// Gives it back as it was; harmless when it is not taken.
void screen_close(void);

// Its size now, in characters; at most SCREEN_ROWS_MAX rows. 80 to 24 when it does not say.
void screen_size(unsigned *columns, unsigned *rows);

// Shows these lines and nothing else.
void screen_draw(const struct screen_line *line, unsigned count);

// Waits for a key, at most so long.
int screen_key(unsigned timeout_ms);

// The signal that SCREEN_ENDED was about; 0 for none.
int screen_signal(void);

// The key at the start of `bytes`, of which there is at least one; `used` are its bytes. What is
// not understood is SCREEN_NOTHING. Pure.
int screen_decode(const char *bytes, size_t count, size_t *used);

#endif
