// SPDX-License-Identifier: MIT
//
// What `apexctl doctor` finds: each thing with how bad it is, in words, and what to do. Pure but
// for the memory it takes. One thread.

#ifndef APEXCTL_FINDING_H
#define APEXCTL_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FINDING_TEXT_BYTES 512

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_BAD };

struct finding {
    enum finding_level level;
    const char *subject;           // static text
    const char *advice;            // static text; NULL for none
    char text[FINDING_TEXT_BYTES]; // what is the case: UTF-8 without control characters
};

struct findings {
    struct finding *list;
    size_t count;
    size_t capacity;
};

// Adds one, whose text printf makes. Ends the program when memory is short.
void finding_add(struct findings *findings, enum finding_level level, const char *subject,
                 const char *advice, const char *format, ...) __attribute__((format(printf, 5, 6)));

// The worst of them; FINDING_OK when there is none.
enum finding_level finding_worst(const struct findings *findings);

// One line each: the level, the subject, the text and, behind a semicolon, the advice.
void finding_print(const struct findings *findings, bool with_colours, FILE *out);

// {"schema":"apexctl.doctor/1","worst":"warn","findings":[…]} in one line. False when memory is
// short.
bool finding_print_json(const struct findings *findings, FILE *out);

void finding_free(struct findings *findings);

#endif
