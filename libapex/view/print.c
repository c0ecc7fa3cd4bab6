// SPDX-License-Identifier: MIT
//
// Collects text on the stack and hands it on in pieces.

#include "view/print.h"

#include "base/fmt.h"
#include "base/profile.h"
#include "policy/config.h"
#include "policy/pool.h"
#include "view/stats.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES 1024
#define WORD_BYTES_MAX 256 // no word is longer

struct print {
    print_fn *write;
    void *context;
    struct fmt line;
    char text[PIECE_BYTES];
    bool first; // JSON: nothing stands in the object yet
};

static void
print_flush(struct print *p)
{
    if (p->line.length > 0) {
        p->write(p->context, p->text, p->line.length);
    }
    fmt_init(&p->line, p->text, sizeof p->text);
}

static void
print_str(struct print *p, const char *text)
{
    if (p->line.length + WORD_BYTES_MAX > sizeof p->text) {
        print_flush(p);
    }
    fmt_str(&p->line, text);
}

static void
print_dec(struct print *p, uint64_t value)
{
    print_str(p, "");
    fmt_dec(&p->line, value);
}

static uint64_t
print_live(const struct apex_stats_class *class)
{
    return class->live_gained > class->live_lost ? class->live_gained - class->live_lost : 0;
}

// --- For people ----------------------------------------------------------------------------------

static void
print_line(struct print *p, const char *name, const char *unit, uint64_t value)
{
    print_str(p, "libapex: ");
    print_str(p, name);
    print_str(p, unit);
    print_str(p, " = ");
    print_dec(p, value);
    print_str(p, "\n");
}

static void
print_text(struct print *p, const struct stats_totals *totals)
{
    print_line(p, "allocated", " bytes", totals->allocated_bytes);
    print_line(p, "cached", " bytes", totals->cached_bytes);
    print_line(p, "threads", "", totals->threads_live);
#define STAT_PROCESS(name, kind, unit, text) print_line(p, #name, " " #unit, totals->process.name);
#define STAT_THREAD(name, kind, unit, text) print_line(p, #name, " " #unit, totals->threads.name);
#include "tables/stats.def"
    for (unsigned c = 0; c < APEX_STATS_CLASSES; c++) {
        const struct apex_stats_class *class = &totals->threads.class[c];
        if (totals->class_size_bytes[c] != 0 && class->live_gained != 0) {
            print_str(p, "libapex: live objects of ");
            print_dec(p, totals->class_size_bytes[c]);
            print_str(p, " bytes = ");
            print_dec(p, print_live(class));
            print_str(p, "\n");
        }
    }
}

// --- JSON ----------------------------------------------------------------------------------------

static void
print_key(struct print *p, const char *key)
{
    print_str(p, p->first ? "\"" : ",\"");
    print_str(p, key);
    print_str(p, "\":");
    p->first = false;
}

static void
print_number(struct print *p, const char *key, uint64_t value)
{
    print_key(p, key);
    print_dec(p, value);
}

static void
print_open(struct print *p, const char *bracket)
{
    print_str(p, bracket);
    p->first = true;
}

static void
print_close(struct print *p, const char *bracket)
{
    print_str(p, bracket);
    p->first = false;
}

// Only numbers: a path would need quoting.
static void
print_options(struct print *p)
{
    size_t count;
    const struct config_option *row = config_options(&count);

    print_key(p, "options");
    print_open(p, "{");
    for (; count > 0; count--, row++) {
        if (row->type != CONFIG_PATH) {
            uint64_t value;
            memcpy(&value, (const char *)config_get() + row->offset_bytes, sizeof value);
            print_number(p, row->key, value);
        }
    }
    print_close(p, "}");
}

static void
print_classes(struct print *p, const struct stats_totals *totals)
{
    print_key(p, "classes");
    print_open(p, "[");
    for (unsigned c = 0; c < APEX_STATS_CLASSES; c++) {
        const struct apex_stats_class *class = &totals->threads.class[c];
        if (totals->class_size_bytes[c] == 0 || class->live_gained == 0) {
            continue;
        }
        print_open(p, p->first ? "{" : ",{");
        print_number(p, "size_bytes", totals->class_size_bytes[c]);
        print_number(p, "live", print_live(class));
        print_number(p, "gained_total", class->live_gained);
        print_number(p, "lost_total", class->live_lost);
        print_close(p, "}");
    }
    print_close(p, "]");
}

static void
print_json(struct print *p, const struct stats_totals *totals)
{
    print_open(p, "{");
    print_str(p, "\"schema\":\"libapex.stats/1\",\"version\":\"" PACKAGE_VERSION "\"");
    print_str(p, PROFILE_HEADER ? ",\"profile\":\"hardened\"" : ",\"profile\":\"fast\"");
    p->first = false;
    print_number(p, "pid", (uint64_t)getpid());
    print_number(p, "threads", totals->threads_live);
    print_number(p, "allocated_bytes", totals->allocated_bytes);
    print_number(p, "cached_bytes", totals->cached_bytes);
    print_key(p, "counters");
    print_open(p, "{");
#define STAT_PROCESS(name, kind, unit, text) print_number(p, #name, totals->process.name);
#include "tables/stats.def"
    print_close(p, "}");
    print_key(p, "thread_counters");
    print_open(p, "{");
#define STAT_THREAD(name, kind, unit, text) print_number(p, #name, totals->threads.name);
#include "tables/stats.def"
    print_close(p, "}");
    print_classes(p, totals);
    print_options(p);
    print_close(p, "}\n");
}

// --- Both ----------------------------------------------------------------------------------------

void
print_stats(print_fn *write, void *context, bool json)
{
    struct print p = {.write = write, .context = context, .first = true};
    struct stats_totals totals;

    fmt_init(&p.line, p.text, sizeof p.text);
    pool_look_all();
    stats_sum(&totals);
    if (json) {
        print_json(&p, &totals);
    } else {
        print_text(&p, &totals);
    }
    print_flush(&p);
}

void
print_to_fd(void *fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(*(const int *)fd, text, length);
        if (written < 0 && errno != EINTR) {
            return;
        }
        text += written < 0 ? 0 : written;
        length -= written < 0 ? 0 : (size_t)written;
    }
}
