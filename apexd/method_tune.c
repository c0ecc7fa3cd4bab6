// SPDX-License-Identifier: MIT
//
// Answers `tune` and `rules`; see method_tune.h. A request is checked as a whole, against every
// process it is for, before anything changes: it happens to all of them or to none.

#include "apexd/method_tune.h"

#include "apexd/reply.h"
#include "apexd/trust.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// A request, taken apart. Texts belong to the request.
struct tuning {
    uint64_t pid;      // 0: by `match`
    cJSON *match;      // owned; NULL: by `pid`
    const char *set;   // key=value,…
    const char *reset; // key,… or `all`
    bool purge;
    bool dry_run;
    bool persist;
    uint64_t denied;
    uint64_t left_out; // of the reply, not of what is done
};

static char why_text[RULES_WHY_BYTES];

_Static_assert(RULES_WHY_BYTES >= TUNE_WHY_BYTES, "room for either");

static bool
tuning_changes(const struct tuning *t)
{
    return t->set != NULL || t->reset != NULL || t->purge;
}

static bool
tuning_resets_all(const struct tuning *t)
{
    return t->reset != NULL && strcmp(t->reset, "all") == 0;
}

// What contradicts itself in the request, NULL if nothing does.
static const char *
tuning_wrong(const struct tuning *t, bool by_pid, bool by_match)
{
    bool sets = t->set != NULL;
    bool resets = t->reset != NULL;

    return by_pid == by_match              ? "say either pid or match"
           : sets && resets                ? "say either set or reset"
           : !t->persist                   ? NULL
           : !sets && !resets              ? "there is nothing to persist: say set or reset"
           : !by_match                     ? "what persists is a rule: say match, not pid"
           : resets && tuning_resets_all(t) ? "say which options a rule shall no longer set"
                                           : NULL;
}

// False with a sentence in why_text.
static bool
tuning_read(struct tuning *t, const struct message_request *request)
{
    const char *match = message_param_text(request, "match");
    bool by_pid = message_param_u64(request, "pid", &t->pid);

    t->set = message_param_text(request, "set");
    t->reset = message_param_text(request, "reset");
    t->purge = message_param_flag(request, "purge");
    t->dry_run = message_param_flag(request, "dry_run");
    t->persist = message_param_flag(request, "persist");
    const char *wrong = tuning_wrong(t, by_pid, match != NULL);
    if (wrong != NULL) {
        snprintf(why_text, sizeof why_text, "%s", wrong);
        return false;
    }
    t->match = match == NULL ? NULL : rules_match_of(match, why_text);
    return match == NULL || t->match != NULL;
}

static bool
tuning_is_for(const struct tuning *t, const struct client *client)
{
    return t->match != NULL ? rules_match(t->match, client)
                            : t->pid == (uint64_t)client->peer.pid;
}

// What the client's options shall be afterwards. False with a sentence in why_text.
static bool
tuning_of(const struct tuning *t, const struct client *client, struct tune *out)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    unsigned options = page_map_options(&client->map, option);
    const char *list = t->set != NULL ? t->set : t->reset;
    struct tune named;

    *out = client->tune;
    if (options == 0 && tuning_changes(t)) {
        snprintf(why_text, sizeof why_text, "process %d runs on a libapex too old to be tuned",
                 (int)client->peer.pid);
        return false;
    }
    if (tuning_resets_all(t)) {
        tune_clear(out, TUNE_USER, NULL);
        tune_clear(out, TUNE_RULE, NULL);
        return true;
    }
    if (list == NULL) {
        return true;
    }
    if (!tune_parse(option, options, list, t->reset != NULL, &named, why_text)) {
        return false;
    }
    for (unsigned i = 0; i < named.count; i++) {
        const struct tune_value *v = &named.value[i];
        tune_clear(out, TUNE_USER, v->key);
        if (t->reset != NULL) {
            tune_clear(out, TUNE_RULE, v->key);
        } else if (!tune_set(out, TUNE_USER, v->key, v->value)) {
            snprintf(why_text, sizeof why_text, "too many options are set for process %d",
                     (int)client->peer.pid);
            return false;
        }
    }
    return true;
}

// --- The reply -----------------------------------------------------------------------------------

static bool
tuning_put_value(cJSON *item, const char *name, const struct page_option *option, uint64_t value)
{
    char number[TUNE_VALUE_BYTES];
    char text_name[32];

    tune_format(option, value, number);
    snprintf(text_name, sizeof text_name, "%s_text", name);
    return message_add_u64(item, name, value) &&
           message_add_text(item, text_name, number, sizeof number);
}

static bool
tuning_put_option(cJSON *array, const struct page_option *option, const struct tune *before,
                  const struct tune *after)
{
    static const char *const types[] = {
        [APEX_OPTION_BYTES] = "bytes",     [APEX_OPTION_MS] = "ms",
        [APEX_OPTION_PERCENT] = "percent", [APEX_OPTION_BOOL] = "bool",
        [APEX_OPTION_CHOICE] = "choice",   [APEX_OPTION_PATH] = "path",
        [APEX_OPTION_COUNT] = "count",     [APEX_OPTION_NODE] = "node",
    };
    const struct tune_value *was = tune_find(before, option->key);
    const struct tune_value *is = tune_find(after, option->key);
    uint64_t old = was == NULL ? option->own : was->value;
    uint64_t wanted = is == NULL ? option->own : is->value;
    cJSON *item = reply_array_object(array);

    return message_add_text(item, "key", option->key, sizeof option->key) &&
           cJSON_AddStringToObject(item, "type", types[option->type]) != NULL &&
           message_add_text(item, "unit", option->unit, sizeof option->unit) &&
           cJSON_AddBoolToObject(item, "live", option->live) != NULL &&
           message_add_u64(item, "min", option->min) &&
           message_add_u64(item, "max", option->max) &&
           tuning_put_value(item, "default", option, option->initial) &&
           tuning_put_value(item, "own", option, option->own) &&
           tuning_put_value(item, "old", option, old) &&
           tuning_put_value(item, "wanted", option, wanted) &&
           tuning_put_value(item, "value", option, option->value) &&
           cJSON_AddStringToObject(item, "source",
                                   tune_source_word(is == NULL ? TUNE_SOURCE_COUNT : is->source)) !=
               NULL &&
           cJSON_AddBoolToObject(item, "changed", old != wanted || (was == NULL) != (is == NULL)) !=
               NULL;
}

// Whether the process has read the last change of its advice page.
static bool
tuning_is_taken(const struct client *client)
{
    struct page_snapshot snapshot;

    page_map_snapshot(&client->map, &snapshot);
    return page_map_value(&client->map, &snapshot, "advice_epoch") == client->advice.page->epoch;
}

static bool
tuning_put_client(cJSON *array, const struct client *client, const struct tune *after)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    unsigned options = page_map_options(&client->map, option);
    cJSON *item = cJSON_CreateObject();
    bool good = message_add_u64(item, "pid", (uint64_t)client->peer.pid) &&
                message_add_u64(item, "uid", client->peer.uid) &&
                message_add_text(item, "comm", client->map.comm, sizeof client->map.comm) &&
                cJSON_AddBoolToObject(item, "taken", tuning_is_taken(client)) != NULL;
    cJSON *list = good ? cJSON_AddArrayToObject(item, "options") : NULL;

    good = list != NULL;
    for (unsigned i = 0; i < options && good; i++) {
        good = tuning_put_option(list, &option[i], &client->tune, after);
    }
    return reply_array_text(array, item) && good;
}

// --- The methods ---------------------------------------------------------------------------------

// Goes through all processes that are meant: describes what will be in `array`. Nothing changes
// yet.
static enum message_error
tuning_check(struct tuning *t, const struct roster *roster, uid_t uid, cJSON *array)
{
    struct tune after;
    uint64_t found = 0;

    for (size_t i = 0; i < roster->count; i++) {
        const struct client *client = roster->client[i];
        if (!tuning_is_for(t, client)) {
            continue;
        }
        if (!client_may_be_seen(client->peer.uid, uid)) {
            t->denied++;
            continue;
        }
        found++;
        if (!tuning_of(t, client, &after)) {
            return MESSAGE_BAD_PARAMS;
        }
        t->left_out += found > REPLY_TOLD_MAX ? 1 : 0;
        if (found <= REPLY_TOLD_MAX && !tuning_put_client(array, client, &after)) {
            snprintf(why_text, sizeof why_text, "the daemon is short of memory");
            return MESSAGE_INTERNAL;
        }
    }
    if (found == 0 && t->denied != 0) {
        snprintf(why_text, sizeof why_text,
                 "only root and the user of a process may see or change its options");
        return MESSAGE_DENIED;
    }
    if (found == 0 && !t->persist) {
        snprintf(why_text, sizeof why_text, "no process %s is registered",
                 t->match == NULL ? "with this pid" : "that matches");
        return MESSAGE_NO_SUCH_PROCESS;
    }
    return MESSAGE_NONE;
}

static void
tuning_apply(const struct tuning *t, struct roster *roster, uid_t uid)
{
    struct tune after;

    for (size_t i = 0; i < roster->count; i++) {
        struct client *client = roster->client[i];
        if (tuning_is_for(t, client) && client_may_be_seen(client->peer.uid, uid) &&
            tuning_of(t, client, &after)) {
            client->tune = after;
            tune_advise(&client->tune, &client->advice);
            if (t->purge) {
                advice_purge(&client->advice);
            }
        }
    }
}

// Writes the rule first: what cannot be kept is not begun.
static enum message_error
tuning_persist(const struct tuning *t, struct roster *roster, uid_t uid)
{
    if (!trust_uid(uid)) {
        snprintf(why_text, sizeof why_text, "only root and the user of the daemon make rules");
        return MESSAGE_DENIED;
    }
    if (t->dry_run) {
        return MESSAGE_NONE;
    }
    const char *list = t->set != NULL ? t->set : t->reset;
    return rules_persist(&roster->rules, t->match, list, t->set == NULL, why_text)
               ? MESSAGE_NONE
               : MESSAGE_INTERNAL;
}

static enum message_error
tuning_run(struct tuning *t, struct roster *roster, uid_t uid, cJSON *object)
{
    cJSON *array = cJSON_AddArrayToObject(object, "processes");

    snprintf(why_text, sizeof why_text, "the daemon is short of memory");
    if (array == NULL) {
        return MESSAGE_INTERNAL;
    }
    enum message_error error = tuning_check(t, roster, uid, array);
    if (error == MESSAGE_NONE && t->persist) {
        error = tuning_persist(t, roster, uid);
    }
    if (error != MESSAGE_NONE) {
        return error;
    }
    bool good = message_add_u64(object, "denied", t->denied) &&
                message_add_u64(object, "left_out", t->left_out) &&
                cJSON_AddBoolToObject(object, "dry_run", t->dry_run) != NULL &&
                cJSON_AddBoolToObject(object, "purged", t->purge && !t->dry_run) != NULL &&
                cJSON_AddBoolToObject(object, "persisted", t->persist && !t->dry_run) != NULL;
    if (!good) {
        return MESSAGE_INTERNAL;
    }
    if (!t->dry_run) {
        tuning_apply(t, roster, uid);
    }
    return MESSAGE_NONE;
}

enum message_error
method_tune(struct roster *roster, const char *boot_id, uid_t uid,
            const struct message_request *request, cJSON **result, const char **why)
{
    struct tuning t = {0};
    enum message_error error = MESSAGE_BAD_PARAMS;
    cJSON *object = NULL;

    *why = why_text;
    roster_sweep(roster, reply_now_ns(CLOCK_MONOTONIC));
    if (tuning_read(&t, request)) {
        object = reply_begin(boot_id, "apexd.tune/1");
        error = tuning_run(&t, roster, uid, object);
    }
    cJSON_Delete(t.match);
    if (error != MESSAGE_NONE) {
        cJSON_Delete(object);
        return error;
    }
    *result = object;
    return MESSAGE_NONE;
}

enum message_error
method_rules(struct roster *roster, const char *boot_id, uid_t uid,
             const struct message_request *request, cJSON **result, const char **why)
{
    (void)request;
    if (!trust_uid(uid)) {
        *why = "only root and the user of the daemon may see its rules";
        return MESSAGE_DENIED;
    }
    cJSON *object = reply_begin(boot_id, "apexd.rules/1");
    cJSON *list = rules_list(&roster->rules);
    if (object == NULL ||
        !message_add_text(object, "path", roster->rules.path, sizeof roster->rules.path) ||
        !cJSON_AddItemToObject(object, "rules", list)) {
        cJSON_Delete(list);
        cJSON_Delete(object);
        object = NULL;
    }
    *result = object;
    return MESSAGE_NONE;
}
