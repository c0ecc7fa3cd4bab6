// SPDX-License-Identifier: MIT
//
// The values that the options of one process shall have: who wants which, and what is advised of
// it. Several may want a say, and a later one of enum tune_source overrides an earlier one for as
// long as it has a value; what nobody wants is the process's own business. Plain data and text, no
// I/O but to the advice page. One thread.

#ifndef APEXD_TUNE_H
#define APEXD_TUNE_H

#include "apexd/advice.h"
#include "apexd/page_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TUNE_VALUES_MAX 48 // of one process, from all sources
#define TUNE_WHY_BYTES 192
#define TUNE_VALUE_BYTES 32

enum tune_source {
    TUNE_ADVICE,   // advice on NUMA (apexd/policy.h), in acting mode
    TUNE_RULE,     // /etc/apex/apexd.json (apexd/rules.h)
    TUNE_USER,     // `apexctl tune`
    TUNE_PRESSURE, // memory is short: the daemon itself, in acting mode
    TUNE_SOURCE_COUNT
};

struct tune_value {
    char key[APEX_ADVICE_KEY_MAX];
    uint64_t value;
    enum tune_source source;
};

struct tune {
    unsigned count;
    struct tune_value value[TUNE_VALUES_MAX];
};

// "advice", "rule", "tune", "pressure"; "process" for TUNE_SOURCE_COUNT: nobody but itself.
const char *tune_source_word(enum tune_source source);

// Whoever wants a value of that key and goes first; NULL when nobody does.
const struct tune_value *tune_find(const struct tune *tune, const char *key);

// False when there are too many. A key that the source has a value for keeps its place: who says
// the same again changes nothing on the advice page.
bool tune_set(struct tune *tune, enum tune_source source, const char *key, uint64_t value);

// Takes back what the source wanted for this key; NULL for all keys.
void tune_clear(struct tune *tune, enum tune_source source, const char *key);

// Writes what is wanted into the advice page, and beside it what people have asked for: of all that
// is wanted that alone cannot be found out again. What the page says of shares of nodes stays.
void tune_advise(const struct tune *tune, struct advice *advice);

// The same, and makes `weight` all that is said of the shares, in the same change.
void tune_advise_shares(const struct tune *tune, struct advice *advice,
                        const struct apex_advice_weight *weight, unsigned weights);

// The option of that key, NULL when there is none.
const struct page_option *tune_option(const struct page_option *option, unsigned count,
                                      const char *key);

// Reads "key=value,key=value" (values as in APEX_OPTIONS) or, with `only_keys`, "key,key", all keys
// of options that may be changed. False with a sentence in `why`: no such option, one that is read
// at the start only, a value that is none or out of its range, or more than TUNE_VALUES_MAX.
bool tune_parse(const struct page_option *option, unsigned options, const char *text,
                bool only_keys, struct tune *out, char why[TUNE_WHY_BYTES]);

// A value as tune_parse() reads it: "64m", "off", "500".
void tune_format(const struct page_option *option, uint64_t value, char out[TUNE_VALUE_BYTES]);

#endif
