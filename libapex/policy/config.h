// SPDX-License-Identifier: MIT
//
// The options of this process. Sources, the later winning: the defaults of tables/options.def,
// /etc/apex.conf (`key = value` lines, `#` starts a comment), APEX_OPTIONS="key=value,key=value".
// Loaded once, before the second thread; read by any thread afterwards.
//
// Invariant: every number in the configuration is inside the range of its row. A line that is not
// understood is warned about on stderr and changes nothing: a typing error in an environment
// variable must not stop the program that libapex serves.

#ifndef APEX_POLICY_CONFIG_H
#define APEX_POLICY_CONFIG_H

#include "abi/advice_page.h"
#include "base/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH_BYTES 96 // a socket's address has 108; the rest is for the socket's own name

enum config_thp { CONFIG_THP_OFF, CONFIG_THP_AUTO, CONFIG_THP_ALWAYS };
enum config_numa { CONFIG_NUMA_OFF, CONFIG_NUMA_AUTO };
enum config_large { CONFIG_LARGE_TOUCH, CONFIG_LARGE_HOME, CONFIG_LARGE_SPREAD };
enum config_fault { CONFIG_FAULT_ABORT, CONFIG_FAULT_REPORT };

struct config_path {
    char text[CONFIG_PATH_BYTES]; // NUL-terminated; empty when not set
};

#define CONFIG_TYPE_BYTES uint64_t
#define CONFIG_TYPE_MS uint64_t
#define CONFIG_TYPE_PERCENT uint64_t
#define CONFIG_TYPE_BOOL uint64_t
#define CONFIG_TYPE_CHOICE uint64_t
#define CONFIG_TYPE_COUNT uint64_t
#define CONFIG_TYPE_NODE uint64_t
#define CONFIG_TYPE_PATH struct config_path

struct config {
#define OPTION(field, key, type, min, max, initial, unit, when, text) CONFIG_TYPE_##type field;
#include "tables/options.def"
};

enum config_type {
    CONFIG_BYTES,
    CONFIG_MS,
    CONFIG_PERCENT,
    CONFIG_BOOL,
    CONFIG_CHOICE,
    CONFIG_PATH,
    CONFIG_COUNT,
    CONFIG_NODE, // as the kernel numbers it, or APEX_OPTION_NODE_NONE
};

enum config_when { CONFIG_START, CONFIG_LIVE };

// One row of tables/options.def, for those who list options.
struct config_option {
    const char *key;
    const char *unit; // for CONFIG_CHOICE the words, in order of value, parted by `|`
    const char *text;
    uint64_t min;
    uint64_t max;
    uint64_t initial;
    size_t offset_bytes; // of the field in struct config
    enum config_type type;
    enum config_when when;
};

// Fills the configuration from all sources. `secure` (AT_SECURE: the program runs with more rights
// than its caller) leaves the environment out. Call once, before there is a second thread.
// Allocates nothing, keeps errno, and needs no libc that has been initialised. False when the
// loader has not got as far as the environment yet; call it again later, then.
bool config_load(bool secure);

// The configuration; before config_load it holds the defaults. Never NULL.
const struct config *config_get(void);

// The same as config_load left it, whatever was changed since.
const struct config *config_started(void);

// A number of it that may change meanwhile (LIVE), or not.
#define config_value(field) load_relaxed(&config_get()->field)

// Changes a number of the configuration while the program runs, from any thread; readers see the
// old value or the new one. A value outside the range of the row becomes the nearest one inside.
// While apexd advises another value that one stays in force, and this one follows when it ends.
// False when no such key may be changed any more, or the kernel has no memory for the change.
bool config_tune(const char *key, uint64_t value);

// Puts apexd's word on options in force: each of `row` (whose keys may be any bytes) overrides what
// the process wants itself, and an option without a row goes back to that. Returns how many rows
// were refused, because there is no such option or it is not LIVE; as many as there are when the
// kernel has no memory for the change.
unsigned config_advise(const struct apex_advice_row *row, unsigned count);

// What the process wants itself, where config_get() says what is in force.
const struct config *config_own(void);

// Makes all constants read-only (base/constants.h), the configuration among them; config_tune()
// opens that for the moment of a change. A refusal is no failure: what is not sealed works as well.
// Does nothing in the fast profile.
void config_seal(void);

// Around fork: acquire before, release after in the parent, renew in the child.
void config_fork_prepare(void);
void config_fork_parent(void);
void config_fork_child(void);

// All rows; `count` of them.
const struct config_option *config_options(size_t *count);

// Sets every field to its default.
void config_defaults(struct config *config);

// Applies a list of key=value, parted by commas, of at most `length` bytes (it ends at a NUL, too).
// Returns how many entries were refused; each one is named on stderr.
unsigned config_apply_list(struct config *config, const char *text, size_t length);

// Applies the text of a configuration file: one `key = value` a line, `#` starts a comment.
// Returns how many lines were refused; each one is named on stderr.
unsigned config_apply_file(struct config *config, const char *text, size_t length);

#endif
