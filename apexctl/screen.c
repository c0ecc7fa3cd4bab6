// SPDX-License-Identifier: MIT
//
// The terminal: its mode, its signals, its keys, and drawing without ncurses; see screen.h.
// Handlers only set flags, which are looked at where ppoll() lets the signals in: none is lost
// between a look and the wait.

#include "apexctl/screen.h"

#include "apexctl/screen_curses.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

// The other screen, no cursor, no wrapping at the right edge; and back.
#define PLAIN_ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define PLAIN_LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

#define KEYS_BYTES 64
#define ESCAPE_WAIT_MS 50 // for what follows when Escape is the start of another key

static struct {
    bool is_open;
    bool is_curses;
    bool with_colours;
    struct termios found;
    sigset_t mask; // while it waits
    char keys[KEYS_BYTES];
    size_t key_bytes;
} screen;

static volatile sig_atomic_t ended;
static volatile sig_atomic_t resized;
static volatile sig_atomic_t suspended;

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// --- Signals -------------------------------------------------------------------------------------

static void
screen_on_signal(int number)
{
    if (number == SIGWINCH) {
        resized = 1;
    } else if (number == SIGTSTP) {
        suspended = 1;
    } else {
        ended = number;
    }
}

// Only what a handler may call. Returning repeats the fault, under the default action.
static void
screen_on_crash(int number)
{
    static const char leave[] = PLAIN_LEAVE;

    if (screen.is_open && write(STDOUT_FILENO, leave, sizeof leave - 1) > 0) {
        tcsetattr(STDIN_FILENO, TCSANOW, &screen.found);
    }
    raise(number);
}

static void
screen_catch(const int *numbers, size_t count, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < count; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

static void
screen_signals(void)
{
    static const int others[] = {SIGWINCH, SIGTSTP};
    sigset_t block;

    screen_catch(ending_signals, COUNT(ending_signals), screen_on_signal, 0);
    screen_catch(others, COUNT(others), screen_on_signal, 0);
    screen_catch(crash_signals, COUNT(crash_signals), screen_on_crash, (int)SA_RESETHAND);
    sigemptyset(&block);
    for (size_t i = 0; i < COUNT(ending_signals); i++) {
        sigaddset(&block, ending_signals[i]);
    }
    sigaddset(&block, SIGWINCH);
    sigaddset(&block, SIGTSTP);
    sigprocmask(SIG_BLOCK, &block, &screen.mask);
    for (size_t i = 0; i < COUNT(ending_signals); i++) {
        sigdelset(&screen.mask, ending_signals[i]);
    }
    sigdelset(&screen.mask, SIGWINCH);
    sigdelset(&screen.mask, SIGTSTP);
}

int
screen_signal(void)
{
    return ended;
}

// --- The terminal's mode -------------------------------------------------------------------------

static void
screen_write(const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(STDOUT_FILENO, text, bytes);
        if (written < 0 && errno != EINTR) {
            return; // the terminal has gone; reading will tell
        }
        if (written > 0) {
            text += written;
            bytes -= (size_t)written;
        }
    }
}

// Keys come at once and do not show; those that send signals still do.
static void
screen_mode(void)
{
    struct termios mode = screen.found;

    mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

bool
screen_is_possible(void)
{
    const char *term = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term != NULL && term[0] != '\0' &&
           strcmp(term, "dumb") != 0;
}

bool
screen_open(bool with_colours)
{
    static bool at_exit;

    if (tcgetattr(STDIN_FILENO, &screen.found) != 0) {
        fprintf(stderr, "apexctl: this terminal cannot be used: %s\n", strerror(errno));
        return false;
    }
    if (!at_exit) {
        at_exit = atexit(screen_close) == 0;
        screen_signals();
    }
    screen.with_colours = with_colours;
    screen.is_open = true;
    screen.is_curses = screen_curses_open(with_colours);
    if (!screen.is_curses) {
        screen_write(PLAIN_ENTER, sizeof PLAIN_ENTER - 1);
    }
    screen_mode();
    return true;
}

static void
screen_leave(void)
{
    if (screen.is_curses) {
        screen_curses_close();
    } else {
        screen_write(PLAIN_LEAVE, sizeof PLAIN_LEAVE - 1);
    }
    tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.found);
}

void
screen_close(void)
{
    if (screen.is_open) {
        screen_leave();
        screen.is_open = false;
    }
}

// Stops as the terminal's user wished, with the terminal given back in between.
static void
screen_suspend(void)
{
    screen_leave();
    raise(SIGSTOP);
    if (screen.is_curses) {
        screen_curses_resume();
    } else {
        screen_write(PLAIN_ENTER, sizeof PLAIN_ENTER - 1);
    }
    screen_mode();
}

void
screen_size(unsigned *columns, unsigned *rows)
{
    struct winsize size;

    *columns = 80;
    *rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *columns = size.ws_col;
        *rows = size.ws_row < SCREEN_ROWS_MAX ? size.ws_row : SCREEN_ROWS_MAX;
    }
}

// --- Drawing -------------------------------------------------------------------------------------

static const char *
screen_plain_style(enum screen_style style)
{
    static const char *const without[SCREEN_STYLE_COUNT] = {
        [SCREEN_PLAIN] = "",           [SCREEN_BOLD] = "\033[1m",     [SCREEN_DIM] = "\033[2m",
        [SCREEN_HEADER] = "\033[1;4m", [SCREEN_SELECTED] = "\033[7m", [SCREEN_WARNING] = "\033[1m",
    };

    if (screen.with_colours && style == SCREEN_WARNING) {
        return "\033[1;31m";
    }
    return screen.with_colours && style == SCREEN_SELECTED ? "\033[7;36m" : without[style];
}

static void
screen_plain_draw(const struct screen_line *line, unsigned count)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    if (out == NULL) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "\033[%u;1H%s%s\033[0m\033[K", i + 1, screen_plain_style(line[i].style),
                line[i].text);
    }
    fputs("\033[J", out);
    if (fclose(out) == 0) {
        screen_write(text, bytes);
    }
    free(text);
}

void
screen_draw(const struct screen_line *line, unsigned count)
{
    if (screen.is_curses) {
        screen_curses_draw(line, count);
    } else {
        screen_plain_draw(line, count);
    }
}

// --- Keys ----------------------------------------------------------------------------------------

static int
screen_decode_letter(char letter)
{
    static const struct {
        char letter;
        int key;
    } keys[] = {{'A', SCREEN_UP},   {'B', SCREEN_DOWN}, {'C', SCREEN_RIGHT},
                {'D', SCREEN_LEFT}, {'H', SCREEN_HOME}, {'F', SCREEN_END}};

    for (size_t i = 0; i < COUNT(keys); i++) {
        if (keys[i].letter == letter) {
            return keys[i].key;
        }
    }
    return SCREEN_NOTHING;
}

static int
screen_decode_number(unsigned number)
{
    switch (number) {
    case 1:
    case 7:
        return SCREEN_HOME;
    case 4:
    case 8:
        return SCREEN_END;
    case 5:
        return SCREEN_PAGE_UP;
    case 6:
        return SCREEN_PAGE_DOWN;
    default:
        return SCREEN_NOTHING;
    }
}

int
screen_decode(const char *bytes, size_t count, size_t *used)
{
    unsigned number = 0;

    *used = 1;
    if (bytes[0] != SCREEN_ESCAPE) {
        return bytes[0] == '\r'   ? SCREEN_ENTER
               : bytes[0] == '\b' ? SCREEN_BACKSPACE
                                  : (unsigned char)bytes[0];
    }
    if (count < 2 || (bytes[1] != '[' && bytes[1] != 'O')) {
        return SCREEN_ESCAPE;
    }
    // ESC [ or ESC O, numbers parted by semicolons, a letter or ~.
    size_t at = 2;
    while (at < count && ((bytes[at] >= '0' && bytes[at] <= '9') || bytes[at] == ';')) {
        if (bytes[at] != ';' && number < 1000 && memchr(bytes, ';', at) == NULL) {
            number = number * 10 + (unsigned)(bytes[at] - '0');
        }
        at++;
    }
    *used = at < count ? at + 1 : at;
    if (at == count) {
        return SCREEN_NOTHING;
    }
    return bytes[at] == '~' ? screen_decode_number(number) : screen_decode_letter(bytes[at]);
}

// Waits for more bytes; false when none came, for whatever reason.
static bool
screen_read(unsigned timeout_ms)
{
    struct pollfd wanted = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                               .tv_nsec = (long)(timeout_ms % 1000) * 1000000L};

    if (ppoll(&wanted, 1, &timeout, &screen.mask) <= 0) {
        return false;
    }
    ssize_t got =
        read(STDIN_FILENO, screen.keys + screen.key_bytes, sizeof screen.keys - screen.key_bytes);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        ended = ended != 0 ? ended : SIGHUP;
    }
    screen.key_bytes += got > 0 ? (size_t)got : 0;
    return got > 0;
}

// What the signals have asked for meanwhile.
static int
screen_news(void)
{
    unsigned columns;
    unsigned rows;

    if (ended != 0) {
        return SCREEN_ENDED;
    }
    if (suspended) {
        suspended = 0;
        screen_suspend();
        resized = 1;
    }
    if (resized) {
        resized = 0;
        screen_size(&columns, &rows);
        if (screen.is_curses) {
            screen_curses_resize(columns, rows);
        }
        return SCREEN_RESIZED;
    }
    return SCREEN_NOTHING;
}

int
screen_key(unsigned timeout_ms)
{
    size_t used;

    if (screen.key_bytes == 0) {
        screen_read(timeout_ms);
    }
    int key = screen_news();
    if (key != SCREEN_NOTHING || screen.key_bytes == 0) {
        return key;
    }
    if (screen.keys[0] == SCREEN_ESCAPE && screen.key_bytes == 1) {
        screen_read(ESCAPE_WAIT_MS);
    }
    key = screen_decode(screen.keys, screen.key_bytes, &used);
    screen.key_bytes -= used;
    memmove(screen.keys, screen.keys + used, screen.key_bytes);
    return key;
}
