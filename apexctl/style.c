// SPDX-License-Identifier: MIT
//
// Asks the terminal, the environment and --color; see style.h.

#include "apexctl/style.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static enum { STYLE_AUTO, STYLE_ALWAYS, STYLE_NEVER } wanted;

bool
style_set(const char *word)
{
    static const char *const words[] = {
        [STYLE_AUTO] = "auto", [STYLE_ALWAYS] = "always", [STYLE_NEVER] = "never"};

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            wanted = i;
            return true;
        }
    }
    return false;
}

struct style
style_of(int fd)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    struct style style = {.attributes = wanted == STYLE_ALWAYS};
    struct winsize size;

    if (isatty(fd)) {
        bool able = term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
        style.attributes = wanted == STYLE_ALWAYS || (wanted == STYLE_AUTO && able);
        style.columns = ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    }
    style.colours =
        style.attributes && (wanted == STYLE_ALWAYS || no_color == NULL || no_color[0] == '\0');
    return style;
}

void
style_progress(const char *text)
{
    static bool shown;

    if (text == NULL && shown) {
        fputs("\r\033[K", stderr);
    } else if (text != NULL && isatty(STDERR_FILENO) && style_of(STDERR_FILENO).attributes) {
        fprintf(stderr, "\r\033[Kapexctl: %s", text);
        shown = true;
    }
    shown = shown && text != NULL;
}
