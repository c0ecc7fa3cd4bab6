// SPDX-License-Identifier: MIT
//
// Long ranges, page by page. By explicit_bzero: memset may be one that takes a freed object for
// what it is (guard/copy.c).

#include "core/wipe.h"

#include "core/geometry.h"
#include "os/os.h"

#define WINDOW_PAGES 4096 // asked for at a time

// More spans than this of pages that are there, or are not, are purged together.
#define SPANS_MAX 8

// Whole pages of a long range; which of them are there.
struct window {
    char *at;
    size_t pages;
    uint8_t resident[WINDOW_PAGES];
};

// The pages between `at` and `end`, as many as fit. False when the kernel does not tell.
static bool
window_open(struct window *w, char *at, const char *end)
{
    size_t pages = (size_t)(end - at) / os_page_bytes();

    w->at = at;
    w->pages = pages < WINDOW_PAGES ? pages : WINDOW_PAGES;
    return os_resident(at, w->pages * os_page_bytes(), w->resident) == 0;
}

static bool
window_has(const struct window *w, size_t page)
{
    return (w->resident[page] & 1) != 0;
}

// How many pages from `page` on are alike.
static size_t
window_span(const struct window *w, size_t page)
{
    size_t end = page + 1;

    while (end < w->pages && window_has(w, end) == window_has(w, page)) {
        end++;
    }
    return end - page;
}

static size_t
window_spans(const struct window *w)
{
    size_t spans = 0;

    for (size_t page = 0; page < w->pages; page += window_span(w, page)) {
        spans++;
    }
    return spans;
}

// What is not there may be in swap, and then is purged. All of it is when the program has touched
// it here and there: most of what is there reads as zero then, and need not be wiped each time.
static void
window_wipe(const struct window *w)
{
    bool swap = os_has_swap();
    size_t span;

    if (window_spans(w) > SPANS_MAX && os_purge(w->at, w->pages * os_page_bytes()) == 0) {
        return;
    }
    for (size_t page = 0; page < w->pages; page += span) {
        span = window_span(w, page);
        char *from = w->at + page * os_page_bytes();
        size_t bytes = span * os_page_bytes();
        if (window_has(w, page) || (swap && os_purge(from, bytes) != 0)) {
            explicit_bzero(from, bytes);
        }
    }
}

static bool
window_holds(const struct window *w)
{
    size_t span;

    for (size_t page = 0; page < w->pages; page += span) {
        span = window_span(w, page);
        if (window_has(w, page) &&
            !wipe_holds_short(w->at + page * os_page_bytes(), span * os_page_bytes())) {
            return false;
        }
    }
    return true;
}

static char *
page_up(const char *p)
{
    size_t page = os_page_bytes();
    return (char *)(((uintptr_t)p + page - 1) & ~(page - 1));
}

static char *
page_down(const char *p)
{
    return (char *)((uintptr_t)p & ~(os_page_bytes() - 1));
}

void
wipe(char *at, size_t bytes)
{
    char *end = at + bytes;
    char *last = page_down(end);
    char *from = page_up(at);
    struct window w;

    if (bytes <= WIPE_DENSE_BYTES || from >= last) {
        explicit_bzero(at, bytes);
        return;
    }
    explicit_bzero(at, (size_t)(from - at));
    while (from < last && window_open(&w, from, last)) {
        window_wipe(&w);
        from += w.pages * os_page_bytes();
    }
    explicit_bzero(from, (size_t)(end - from));
}

bool
wipe_holds(const char *at, size_t bytes)
{
    const char *end = at + bytes;
    char *last = page_down(end);
    char *from = page_up(at);
    struct window w;

    if (bytes <= WIPE_DENSE_BYTES || from >= last) {
        return wipe_holds_short(at, bytes);
    }
    bool holds = from - at < 8 || wipe_holds_short(at, (size_t)(from - at));
    while (holds && from < last && window_open(&w, from, last)) {
        holds = window_holds(&w);
        from += w.pages * os_page_bytes();
    }
    return holds && (end - from < 8 || wipe_holds_short(from, (size_t)(end - from)));
}
