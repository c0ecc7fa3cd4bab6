// SPDX-License-Identifier: MIT
//
// Parses the options. One thread, at start, perhaps before libc has run its constructors: only
// memory operations, raw system calls and the stack are used here, never getenv, stdio or malloc.

#include "policy/config.h"

#include "abi/stats_page.h"
#include "base/atomic.h"
#include "base/constants.h"
#include "base/fault.h"
#include "base/fmt.h"
#include "os/lock.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

#define FILE_PATH "/etc/apex.conf"
#define FILE_BYTES_MAX 8192   // a longer file is ignored
#define ENTRIES_MAX 256       // in one source; ends the loop over text that others wrote
#define ENVIRONMENT_MAX 65536 // variables looked at
#define SHOWN_BYTES_MAX 48    // of a refused word, in the warning
#define VARIABLE "APEX_OPTIONS="
#define NO_NODE "none"

extern char **__environ;

// Part of a text that is not terminated.
struct slice {
    const char *text;
    size_t length;
};

#define CONFIG_INITIAL_BYTES(initial) initial
#define CONFIG_INITIAL_MS(initial) initial
#define CONFIG_INITIAL_PERCENT(initial) initial
#define CONFIG_INITIAL_BOOL(initial) initial
#define CONFIG_INITIAL_CHOICE(initial) initial
#define CONFIG_INITIAL_COUNT(initial) initial
#define CONFIG_INITIAL_NODE(initial) initial
#define CONFIG_INITIAL_PATH(initial) \
    {                                \
        {                            \
            0                        \
        }                            \
    }

static const struct config defaults = {
#define OPTION(field, key, type, min, max, initial, unit, when, text) \
    .field = CONFIG_INITIAL_##type(initial),
#include "tables/options.def"
};

static const struct config_option options[] = {
#define OPTION(field, key, type, min, max, initial, unit, when, text)                      \
    {key,           unit,         text, min, max, initial, offsetof(struct config, field), \
     CONFIG_##type, CONFIG_##when},
#include "tables/options.def"
};

#define OPTION_COUNT (sizeof options / sizeof options[0])

_Static_assert(OPTION_COUNT <= 64, "a set of options is a word");

#define OPTION(field, key, type, min, max, initial, unit, when, text)        \
    _Static_assert((min) <= (max), key ": the range is empty");              \
    _Static_assert((initial) <= (max), key ": the default is out of range"); \
    _Static_assert(CONFIG_##type != CONFIG_PATH || (max) < CONFIG_PATH_BYTES, key ": too long");
#include "tables/options.def"

// Before config_load: the defaults, so that whoever asks too early gets an answer that works.
struct OWN_PAGES config_page {
    struct config config;
    struct config own; // without what apexd advises
    uint64_t advised;  // bit n: row n has a value of apexd's
    struct config started; // as config_load left it
};

static CONSTANT struct config_page current = {
    .config = {
#define OPTION(field, key, type, min, max, initial, unit, when, text) \
    .field = CONFIG_INITIAL_##type(initial),
#include "tables/options.def"
    },
    .own = {
#define OPTION(field, key, type, min, max, initial, unit, when, text) \
    .field = CONFIG_INITIAL_##type(initial),
#include "tables/options.def"
    },
    .started = {
#define OPTION(field, key, type, min, max, initial, unit, when, text) \
    .field = CONFIG_INITIAL_##type(initial),
#include "tables/options.def"
    },
};

static struct lock tune_lock = LOCK_INIT(LOCK_RANK_CONFIG);
static bool sealed; // under the lock

static bool
config_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice
config_trim(struct slice s)
{
    while (s.length > 0 && config_is_space(s.text[0])) {
        s.text++;
        s.length--;
    }
    while (s.length > 0 && config_is_space(s.text[s.length - 1])) {
        s.length--;
    }
    return s;
}

// Cuts what stands before the first `separator` off the front of `rest`.
static struct slice
config_cut(struct slice *rest, char separator)
{
    const char *end = memchr(rest->text, separator, rest->length);
    struct slice head = *rest;

    if (end == NULL) {
        rest->text += rest->length;
        rest->length = 0;
        return head;
    }
    head.length = (size_t)(end - rest->text);
    rest->text += head.length + 1;
    rest->length -= head.length + 1;
    return head;
}

static bool
config_equal(struct slice s, const char *word)
{
    size_t length = strlen(word);

    return s.length == length && memcmp(s.text, word, length) == 0;
}

static const struct config_option *
config_find(struct slice key)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (config_equal(key, options[i].key)) {
            return &options[i];
        }
    }
    return NULL;
}

// How far a suffix shifts the number, and takes it off; 0 when there is none.
static unsigned
config_suffix(struct slice *s)
{
    unsigned shift = 0;

    if (s->length == 0) {
        return 0;
    }
    switch (s->text[s->length - 1]) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'm':
    case 'M':
        shift = 20;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    default:
        return 0;
    }
    s->length--;
    return shift;
}

static bool
config_number(struct slice s, unsigned shift, uint64_t *number)
{
    uint64_t value = 0;

    if (s.length == 0) {
        return false;
    }
    for (size_t i = 0; i < s.length; i++) {
        if (s.text[i] < '0' || s.text[i] > '9') {
            return false;
        }
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.text[i] - '0'), &value)) {
            return false;
        }
    }
    if (value > UINT64_MAX >> shift) {
        return false;
    }
    *number = value << shift;
    return true;
}

static bool
config_bool(struct slice s, uint64_t *number)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"no", "yes"}, {"off", "on"}, {"false", "true"}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (uint64_t value = 0; value < 2; value++) {
            if (config_equal(s, words[i][value])) {
                *number = value;
                return true;
            }
        }
    }
    return false;
}

// The place of `s` among the words that `list` holds, parted by `|`.
static bool
config_choice(struct slice s, const char *list, uint64_t *number)
{
    struct slice rest = {list, strlen(list)};

    for (uint64_t value = 0; rest.length > 0; value++) {
        struct slice word = config_cut(&rest, '|');
        if (word.length == s.length && memcmp(word.text, s.text, s.length) == 0) {
            *number = value;
            return true;
        }
    }
    return false;
}

static bool
config_parse_value(const struct config_option *option, struct slice s, uint64_t *number)
{
    switch (option->type) {
    case CONFIG_BYTES: {
        unsigned shift = config_suffix(&s);
        return config_number(s, shift, number);
    }
    case CONFIG_BOOL:
        return config_bool(s, number);
    case CONFIG_CHOICE:
        return config_choice(s, option->unit, number);
    case CONFIG_NODE:
        if (config_equal(s, NO_NODE)) {
            *number = APEX_OPTION_NODE_NONE;
            return true;
        }
        return config_number(s, 0, number);
    case CONFIG_MS:
    case CONFIG_PERCENT:
    case CONFIG_COUNT:
        return config_number(s, 0, number);
    case CONFIG_PATH:
        break;
    }
    return false;
}

// Stores a value that the row allows; false leaves the configuration as it was.
static bool
config_store(struct config *config, const struct config_option *option, struct slice s)
{
    char *field = (char *)config + option->offset_bytes;
    uint64_t number;

    if (option->type == CONFIG_PATH) {
        if (s.length > option->max || (s.length > 0 && s.text[0] != '/')) {
            return false;
        }
        memcpy(field, s.text, s.length);
        field[s.length] = '\0';
        return true;
    }
    if (!config_parse_value(option, s, &number) || number < option->min || number > option->max) {
        return false;
    }
    memcpy(field, &number, sizeof number);
    return true;
}

// Text of others goes to a terminal: no control characters, no more than a few words.
static void
config_show(struct fmt *line, struct slice s)
{
    char shown[SHOWN_BYTES_MAX + 1];
    size_t n = s.length < SHOWN_BYTES_MAX ? s.length : SHOWN_BYTES_MAX;

    for (size_t i = 0; i < n; i++) {
        shown[i] = s.text[i] > ' ' && s.text[i] < 127 ? s.text[i] : '?';
    }
    shown[n] = '\0';
    fmt_str(line, shown);
    if (n < s.length) {
        fmt_str(line, "...");
    }
}

static void
config_expect(struct fmt *line, const struct config_option *option)
{
    switch (option->type) {
    case CONFIG_BOOL:
        fmt_str(line, "0 or 1");
        return;
    case CONFIG_CHOICE:
        fmt_str(line, option->unit);
        return;
    case CONFIG_NODE:
        fmt_str(line, "a node's number or " NO_NODE);
        return;
    case CONFIG_PATH:
        fmt_str(line, "an absolute path of at most ");
        fmt_dec(line, option->max);
        fmt_str(line, " bytes");
        return;
    case CONFIG_BYTES:
    case CONFIG_MS:
    case CONFIG_PERCENT:
    case CONFIG_COUNT:
        fmt_dec(line, option->min);
        fmt_str(line, " to ");
        fmt_dec(line, option->max);
        fmt_str(line, " ");
        fmt_str(line, option->unit);
        return;
    }
}

static void
config_warn(const struct config_option *option, struct slice entry)
{
    char text[256];
    struct fmt line;

    fmt_init(&line, text, sizeof text);
    fmt_str(&line, "option ignored: ");
    config_show(&line, entry);
    if (option == NULL) {
        fmt_str(&line, " (no such option)");
    } else {
        fmt_str(&line, " (expected ");
        config_expect(&line, option);
        fmt_str(&line, ")");
    }
    fault_warn(text);
}

// One `key=value`; true if it was taken.
static bool
config_apply(struct config *config, struct slice entry)
{
    struct slice value = entry;
    struct slice key = config_trim(config_cut(&value, '='));
    const struct config_option *option = config_find(key);

    if (option == NULL || !config_store(config, option, config_trim(value))) {
        config_warn(option, entry);
        return false;
    }
    if (!PROFILE_READONLY && config->seal_metadata != 0) {
        config->seal_metadata = 0;
        fault_warn("option ignored: seal_metadata (only libapex-hardened has it)");
        return false;
    }
    return true;
}

static unsigned
config_apply_entries(struct config *config, struct slice rest, char separator, bool comments)
{
    unsigned refused = 0;

    for (unsigned i = 0; i < ENTRIES_MAX && rest.length > 0; i++) {
        struct slice entry = config_cut(&rest, separator);
        if (comments) {
            struct slice line = entry;
            entry = config_cut(&line, '#');
        }
        entry = config_trim(entry);
        if (entry.length > 0 && !config_apply(config, entry)) {
            refused++;
        }
    }
    if (config_trim(rest).length > 0) {
        fault_warn("option ignored: too many entries");
        refused++;
    }
    return refused;
}

void
config_defaults(struct config *config)
{
    *config = defaults;
}

unsigned
config_apply_list(struct config *config, const char *text, size_t length)
{
    struct slice all = {text, strnlen(text, length)};

    return config_apply_entries(config, all, ',', false);
}

unsigned
config_apply_file(struct config *config, const char *text, size_t length)
{
    struct slice all = {text, strnlen(text, length)};

    return config_apply_entries(config, all, '\n', true);
}

const struct config_option *
config_options(size_t *count)
{
    *count = OPTION_COUNT;
    return options;
}

const struct config *
config_get(void)
{
    return &current.config;
}

static void
config_load_file(void)
{
    char text[FILE_BYTES_MAX];
    size_t length = 0;
    int error = os_read_file(FILE_PATH, text, sizeof text, &length);

    if (error == 0) {
        config_apply_file(&current.config, text, length);
    } else if (error == EFBIG) {
        fault_warn(FILE_PATH " ignored: too long");
    }
}

// Not getenv: libc may not have run yet. NULL when not even the loader has set it; then there is no
// environment to read, and false tells so.
static bool
config_load_environment(void)
{
    if (__environ == NULL) {
        return false;
    }
    for (unsigned i = 0; i < ENVIRONMENT_MAX && __environ[i] != NULL; i++) {
        if (strncmp(__environ[i], VARIABLE, sizeof VARIABLE - 1) == 0) {
            const char *text = __environ[i] + sizeof VARIABLE - 1;
            config_apply_list(&current.config, text, strlen(text));
            return true;
        }
    }
    return true;
}

bool
config_load(bool secure)
{
    config_defaults(&current.config);
    config_load_file();
    bool complete = secure || config_load_environment();
    current.own = current.config;
    current.started = current.config;
    return complete;
}

const struct config *
config_started(void)
{
    return &current.started;
}

void
config_seal(void)
{
    lock_acquire(&tune_lock);
    sealed = PROFILE_READONLY &&
             os_seal(constants_first, (size_t)(constants_end - constants_first)) == 0;
    lock_release(&tune_lock);
}

// Between these two the configuration may be written. The lock: while one thread stores, another
// must not make the page read-only.
static bool
config_open(void)
{
    lock_acquire(&tune_lock);
    return !sealed || os_commit(&current, sizeof current) == 0;
}

static void
config_close(void)
{
    if (sealed) {
        os_seal(&current, sizeof current); // may be refused: the next one does it
    }
    lock_release(&tune_lock);
}

static uint64_t *
config_field(struct config *config, size_t index)
{
    return (uint64_t *)(void *)((char *)config + options[index].offset_bytes);
}

static bool
config_is_live(size_t index)
{
    return options[index].when == CONFIG_LIVE && options[index].type != CONFIG_PATH;
}

static uint64_t
config_clamp(size_t index, uint64_t value)
{
    const struct config_option *option = &options[index];

    value = value < option->min ? option->min : value;
    return value > option->max ? option->max : value;
}

bool
config_tune(const char *key, uint64_t value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].key, key) != 0) {
            continue;
        }
        if (!config_is_live(i)) {
            return false;
        }
        bool open = config_open();
        if (open) {
            value = config_clamp(i, value);
            store_relaxed(config_field(&current.own, i), value);
            if ((current.advised >> i & 1) == 0) {
                store_relaxed(config_field(&current.config, i), value);
            }
        }
        config_close();
        return open;
    }
    return false;
}

// The row of that name, OPTION_COUNT if it may not be changed.
static size_t
config_advised(const struct apex_advice_row *row)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (config_is_live(i) && strncmp(options[i].key, row->key, sizeof row->key) == 0) {
            return i;
        }
    }
    return OPTION_COUNT;
}

unsigned
config_advise(const struct apex_advice_row *row, unsigned count)
{
    uint64_t advised = 0;
    unsigned refused = 0;

    if (!config_open()) {
        config_close();
        return count;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t at = config_advised(&row[i]);
        if (at == OPTION_COUNT) {
            refused++;
            continue;
        }
        store_relaxed(config_field(&current.config, at), config_clamp(at, row[i].value));
        advised |= UINT64_C(1) << at;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((current.advised & ~advised) >> i & 1) {
            store_relaxed(config_field(&current.config, i), *config_field(&current.own, i));
        }
    }
    current.advised = advised;
    config_close();
    return refused;
}

const struct config *
config_own(void)
{
    return &current.own;
}

void
config_fork_prepare(void)
{
    lock_acquire(&tune_lock);
}

void
config_fork_parent(void)
{
    lock_release(&tune_lock);
}

void
config_fork_child(void)
{
    lock_renew(&tune_lock);
}
