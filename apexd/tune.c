// SPDX-License-Identifier: MIT
//
// Values wanted for options, and their text; see tune.h.

#include "apexd/tune.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 4096 // of one list
#define SHOWN_BYTES_MAX 40  // of a wrong word, in the sentence about it
#define NO_NODE "none"

const char *
tune_source_word(enum tune_source source)
{
    static const char *const words[] = {
        [TUNE_ADVICE] = "advice",
        [TUNE_RULE] = "rule",
        [TUNE_USER] = "tune",
        [TUNE_PRESSURE] = "pressure",
        [TUNE_SOURCE_COUNT] = "process",
    };
    return words[source];
}

// --- Who wants what ------------------------------------------------------------------------------

const struct tune_value *
tune_find(const struct tune *tune, const char *key)
{
    const struct tune_value *best = NULL;

    for (unsigned i = 0; i < tune->count; i++) {
        const struct tune_value *v = &tune->value[i];
        if (strcmp(v->key, key) == 0 && (best == NULL || v->source > best->source)) {
            best = v;
        }
    }
    return best;
}

bool
tune_set(struct tune *tune, enum tune_source source, const char *key, uint64_t value)
{
    unsigned i = 0;

    while (i < tune->count &&
           (tune->value[i].source != source || strcmp(tune->value[i].key, key) != 0)) {
        i++;
    }
    if (i == TUNE_VALUES_MAX || strlen(key) >= APEX_ADVICE_KEY_MAX) {
        return false;
    }
    struct tune_value *v = &tune->value[i];
    if (i == tune->count) {
        tune->count++;
        memset(v, 0, sizeof *v); // the key goes to the page with all its bytes
        memcpy(v->key, key, strlen(key));
        v->source = source;
    }
    v->value = value;
    return true;
}

void
tune_clear(struct tune *tune, enum tune_source source, const char *key)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < tune->count; i++) {
        const struct tune_value *v = &tune->value[i];
        if (v->source != source || (key != NULL && strcmp(v->key, key) != 0)) {
            tune->value[kept++] = *v;
        }
    }
    tune->count = kept;
}

_Static_assert(TUNE_VALUES_MAX <= APEX_ADVICE_ROWS_MAX, "all of them fit the page");

static void
tune_put_row(struct apex_advice_row *row, const struct tune_value *v)
{
    memcpy(row->key, v->key, sizeof row->key);
    row->value = v->value;
}

void
tune_advise(const struct tune *tune, struct advice *advice)
{
    tune_advise_shares(tune, advice, advice->page->weight, advice->page->weights);
}

void
tune_advise_shares(const struct tune *tune, struct advice *advice,
                   const struct apex_advice_weight *weight, unsigned weights)
{
    struct apex_advice_row row[TUNE_VALUES_MAX];
    struct apex_advice_row asked[TUNE_VALUES_MAX];
    unsigned rows = 0;
    unsigned asks = 0;

    for (unsigned i = 0; i < tune->count; i++) {
        const struct tune_value *v = &tune->value[i];
        if (tune_find(tune, v->key) == v) {
            tune_put_row(&row[rows++], v);
        }
        if (v->source == TUNE_USER) {
            tune_put_row(&asked[asks++], v);
        }
    }
    advice_write(advice, row, rows, weight, weights);
    advice_remember(advice, asked, asks);
}

// --- Text ----------------------------------------------------------------------------------------

const struct page_option *
tune_option(const struct page_option *option, unsigned count, const char *key)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(option[i].key, key) == 0) {
            return &option[i];
        }
    }
    return NULL;
}

// A whole number with k, m or g behind it, if the option is one of bytes.
static bool
tune_parse_number(const struct page_option *option, const char *text, uint64_t *value)
{
    static const char suffixes[] = "kKmMgG";
    unsigned shift = 0;
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9') {
        return false;
    }
    const char *suffix = *end == '\0' ? NULL : strchr(suffixes, *end);
    if (suffix != NULL && option->type == APEX_OPTION_BYTES) {
        shift = 10 * (unsigned)((suffix - suffixes) / 2 + 1);
        end++;
    }
    if (*end != '\0' || *value > UINT64_MAX >> shift) {
        return false;
    }
    *value <<= shift;
    return true;
}

// The place of a word in `list`, whose words are parted by `|`.
static bool
tune_parse_word(const char *list, const char *text, uint64_t *value)
{
    size_t length = strlen(text);
    const char *at = list;

    for (uint64_t i = 0; length > 0; i++) {
        size_t word = strcspn(at, "|");
        if (word == length && strncmp(at, text, length) == 0) {
            *value = i;
            return true;
        }
        if (at[word] == '\0') {
            break;
        }
        at += word + 1;
    }
    return false;
}

static bool
tune_parse_value(const struct page_option *option, const char *text, uint64_t *value)
{
    static const char *const pairs[] = {"0|1", "no|yes", "off|on", "false|true"};
    bool found = false;

    switch (option->type) {
    case APEX_OPTION_BOOL:
        for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0] && !found; i++) {
            found = tune_parse_word(pairs[i], text, value);
        }
        return found;
    case APEX_OPTION_CHOICE:
        return tune_parse_word(option->unit, text, value);
    case APEX_OPTION_NODE:
        *value = APEX_OPTION_NODE_NONE;
        if (strcmp(text, NO_NODE) == 0) {
            return true;
        }
        break;
    default:
        break;
    }
    return tune_parse_number(option, text, value) && *value >= option->min &&
           *value <= option->max;
}

// A stranger's word is shown without what a terminal would obey, and not at any length.
static void
tune_show(char out[SHOWN_BYTES_MAX], const char *text)
{
    snprintf(out, SHOWN_BYTES_MAX, "%s", text);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c > ' ' && *c < 127 ? *c : '?';
    }
}

static void
tune_complain(const struct page_option *option, const char *text, char why[TUNE_WHY_BYTES])
{
    char shown[SHOWN_BYTES_MAX];
    char min[TUNE_VALUE_BYTES];
    char max[TUNE_VALUE_BYTES];

    tune_show(shown, text);
    if (option->type == APEX_OPTION_BOOL || option->type == APEX_OPTION_CHOICE) {
        snprintf(why, TUNE_WHY_BYTES, "%s takes %s, not %s", option->key,
                 option->type == APEX_OPTION_BOOL ? "0 or 1" : option->unit, shown);
        return;
    }
    if (option->type == APEX_OPTION_NODE) {
        snprintf(why, TUNE_WHY_BYTES, "%s takes the number of a node, or none, not %s",
                 option->key, shown);
        return;
    }
    tune_format(option, option->min, min);
    tune_format(option, option->max, max);
    snprintf(why, TUNE_WHY_BYTES, "%s takes %s to %s %s, not %s", option->key, min, max,
             option->unit, shown);
}

// One entry, which it may write to.
static bool
tune_parse_entry(const struct page_option *option, unsigned options, char *entry, bool only_keys,
                 struct tune *out, char why[TUNE_WHY_BYTES])
{
    char shown[SHOWN_BYTES_MAX];
    char *equals = only_keys ? NULL : strchr(entry, '=');
    uint64_t value = 0;

    tune_show(shown, entry);
    if (!only_keys && equals == NULL) {
        snprintf(why, TUNE_WHY_BYTES, "a setting is key=value, not %s", shown);
        return false;
    }
    if (equals != NULL) {
        *equals = '\0';
        tune_show(shown, entry);
    }
    const struct page_option *o = tune_option(option, options, entry);
    if (o == NULL) {
        snprintf(why, TUNE_WHY_BYTES, "no such option: %s", shown);
        return false;
    }
    if (!o->live) {
        snprintf(why, TUNE_WHY_BYTES, "%s is read when the process starts, and not again", shown);
        return false;
    }
    if (equals != NULL && !tune_parse_value(o, equals + 1, &value)) {
        tune_complain(o, equals + 1, why);
        return false;
    }
    if (!tune_set(out, TUNE_USER, o->key, value)) {
        snprintf(why, TUNE_WHY_BYTES, "more than %d settings", TUNE_VALUES_MAX);
        return false;
    }
    return true;
}

bool
tune_parse(const struct page_option *option, unsigned options, const char *text, bool only_keys,
           struct tune *out, char why[TUNE_WHY_BYTES])
{
    char copy[TEXT_BYTES_MAX];
    char *rest = copy;

    out->count = 0;
    if (strlen(text) >= sizeof copy) {
        snprintf(why, TUNE_WHY_BYTES, "the settings are longer than %d bytes", TEXT_BYTES_MAX - 1);
        return false;
    }
    memcpy(copy, text, strlen(text) + 1);
    for (char *entry = strsep(&rest, ","); entry != NULL; entry = strsep(&rest, ",")) {
        if (entry[0] != '\0' &&
            !tune_parse_entry(option, options, entry, only_keys, out, why)) {
            return false;
        }
    }
    if (out->count == 0) {
        snprintf(why, TUNE_WHY_BYTES, "nothing is set");
        return false;
    }
    return true;
}

static void
tune_format_word(const char *list, uint64_t value, char out[TUNE_VALUE_BYTES])
{
    const char *at = list;

    for (uint64_t i = 0; i < value && *at != '\0'; i++) {
        at += strcspn(at, "|");
        at += *at == '|' ? 1 : 0;
    }
    snprintf(out, TUNE_VALUE_BYTES, "%.*s", (int)strcspn(at, "|"), at);
}

void
tune_format(const struct page_option *option, uint64_t value, char out[TUNE_VALUE_BYTES])
{
    static const char *const suffixes[] = {"", "k", "m", "g"};
    unsigned suffix = 0;

    if (option->type == APEX_OPTION_CHOICE) {
        tune_format_word(option->unit, value, out);
        return;
    }
    if (option->type == APEX_OPTION_NODE && value == APEX_OPTION_NODE_NONE) {
        snprintf(out, TUNE_VALUE_BYTES, "%s", NO_NODE);
        return;
    }
    while (option->type == APEX_OPTION_BYTES && suffix < 3 && value != 0 && value % 1024 == 0) {
        value /= 1024;
        suffix++;
    }
    snprintf(out, TUNE_VALUE_BYTES, "%" PRIu64 "%s", value, suffixes[suffix]);
}
