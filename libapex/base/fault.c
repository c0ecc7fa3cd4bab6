// SPDX-License-Identifier: MIT
//
// Prints faults and aborts. Any thread, any state of the heap: uses the stack and write(2) only.

#include "base/fault.h"

#include "base/atomic.h"
#include "base/constants.h"
#include "base/fmt.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES 192

static const char *const messages[FAULT_COUNT] = {
#define FAULT(key, message, advice) [FAULT_##key] = message,
#include "tables/faults.def"
};

struct OWN_PAGES fault_rule {
    bool report_only;
};

static CONSTANT struct fault_rule rule;
static uint64_t counts[FAULT_COUNT]; // atomic

static void
fault_write(const struct fmt *line)
{
    int saved = errno;
    // Nothing can be done when stderr is closed; the result is taken so that the compiler is
    // content.
    ssize_t ignored = write(STDERR_FILENO, line->text, line->length);
    (void)ignored;
    errno = saved;
}

void
fault_set_report(bool report)
{
    store_relaxed(&rule.report_only, report);
}

uint64_t
fault_count(enum fault fault)
{
    return load_relaxed(&counts[fault]);
}

const char *
fault_message(enum fault fault)
{
    return messages[fault];
}

SLOW void
fault_raise(enum fault fault, const void *address, size_t class_bytes)
{
    char text[LINE_BYTES];
    struct fmt line;

    add_relaxed(&counts[fault], 1);
    fmt_init(&line, text, sizeof text);
    fmt_str(&line, "libapex: ");
    fmt_str(&line, messages[fault]);
    fmt_str(&line, " (address ");
    fmt_hex(&line, (uint64_t)(uintptr_t)address);
    if (class_bytes != 0) {
        fmt_str(&line, ", size class ");
        fmt_dec(&line, class_bytes);
        fmt_str(&line, " bytes");
    }
    fmt_str(&line, ")\n");
    fault_write(&line);
    if (!load_relaxed(&rule.report_only)) {
        abort();
    }
}

SLOW _Noreturn void
fault_panic(const char *what, const void *address)
{
    char text[LINE_BYTES];
    struct fmt line;

    fmt_init(&line, text, sizeof text);
    fmt_str(&line, "libapex: internal error: ");
    fmt_str(&line, what);
    fmt_str(&line, " (address ");
    fmt_hex(&line, (uint64_t)(uintptr_t)address);
    fmt_str(&line, ")\n");
    fault_write(&line);
    abort();
}

void
fault_warn(const char *text)
{
    char buffer[LINE_BYTES * 2];
    struct fmt line;

    fmt_init(&line, buffer, sizeof buffer);
    fmt_str(&line, "libapex: ");
    fmt_str(&line, text);
    fmt_str(&line, "\n");
    fault_write(&line);
}
