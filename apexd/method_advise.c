// SPDX-License-Identifier: MIT
//
// Answers `advise`; see method_advise.h. A change is for one process or those that match, and is
// checked for all of them before it happens to any.

#include "apexd/method_advise.h"

#include "apexd/reply.h"
#include "apexd/rules.h"

#include <stdio.h>
#include <string.h>

// A request, taken apart.
struct advising {
    struct advisor *advisor;
    uid_t uid;
    uint64_t now_ns;
    uint64_t pid;
    bool by_pid;
    cJSON *match; // owned; NULL: by pid, or all
    bool apply;
    bool revert;
    bool dry_run;
    enum policy_kind kind; // POLICY_KIND_COUNT: the first that can be applied
    uint64_t found;
    uint64_t denied;
    uint64_t left_out; // of the reply, not of what is done
    uint64_t changed; // processes for which something changes
};

static char why_text[RULES_WHY_BYTES];

// --- The request ---------------------------------------------------------------------------------

// What contradicts itself in the request, NULL if nothing does.
static const char *
advising_wrong(const struct advising *a, bool by_match, const char *kind)
{
    bool changes = a->apply || a->revert;

    return a->by_pid && by_match                      ? "say either pid or match"
           : a->apply && a->revert                    ? "say either apply or revert"
           : kind != NULL && !a->apply                ? "kind is for apply"
           : kind != NULL && a->kind == POLICY_KIND_COUNT ? "there is no advice of that kind"
           : changes && !a->by_pid && !by_match       ? "say whom to change: pid or match"
                                                      : NULL;
}

// False with a sentence in why_text.
static bool
advising_read(struct advising *a, const struct message_request *request)
{
    const char *match = message_param_text(request, "match");
    const char *kind = message_param_text(request, "kind");

    a->by_pid = message_param_u64(request, "pid", &a->pid);
    a->apply = message_param_flag(request, "apply");
    a->revert = message_param_flag(request, "revert");
    a->dry_run = message_param_flag(request, "dry_run");
    a->kind = kind == NULL ? POLICY_KIND_COUNT : policy_find(kind);
    const char *wrong = advising_wrong(a, match != NULL, kind);
    if (wrong != NULL) {
        snprintf(why_text, sizeof why_text, "%s", wrong);
        return false;
    }
    a->match = match == NULL ? NULL : rules_match_of(match, why_text);
    return match == NULL || a->match != NULL;
}

static bool
advising_is_for(const struct advising *a, const struct client *client)
{
    return a->by_pid          ? a->pid == (uint64_t)client->peer.pid
           : a->match != NULL ? rules_match(a->match, client)
                              : true;
}

// --- The reply -----------------------------------------------------------------------------------

static bool
advising_put_evidence(cJSON *item, const struct policy_advice *p)
{
    cJSON *evidence = reply_object(item, "evidence");
    bool good = evidence != NULL;

    for (unsigned i = 0; i < p->evidence_count && good; i++) {
        good = message_add_u64(evidence, p->evidence[i].name, p->evidence[i].value);
    }
    return good;
}

// The options that it changes, from what is in force to what would be.
static bool
advising_put_changes(cJSON *item, const struct client *client, const struct policy_advice *p)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    unsigned options = page_map_options(&client->map, option);
    char text[TUNE_VALUE_BYTES];
    cJSON *array = cJSON_AddArrayToObject(item, "options");
    bool good = array != NULL;

    for (unsigned i = 0; i < p->change_count && good; i++) {
        const struct page_option *o = tune_option(option, options, p->change[i].key);
        cJSON *one = reply_array_object(array);
        good = one != NULL && cJSON_AddStringToObject(one, "key", p->change[i].key) != NULL &&
               message_add_u64(one, "wanted", p->change[i].value) &&
               cJSON_AddBoolToObject(one, "known", o != NULL) != NULL;
        if (good && o != NULL) {
            tune_format(o, p->change[i].value, text);
            good = message_add_text(one, "wanted_text", text, sizeof text);
            tune_format(o, o->value, text);
            good = good && message_add_u64(one, "value", o->value) &&
                   message_add_text(one, "value_text", text, sizeof text);
        }
    }
    return good;
}

static bool
advising_put_weights(cJSON *item, const struct policy_advice *p)
{
    cJSON *array = cJSON_AddArrayToObject(item, "weights");
    bool good = array != NULL;

    for (unsigned i = 0; i < p->weight_count && good; i++) {
        cJSON *one = reply_array_object(array);
        good = message_add_u64(one, "node", p->weight[i].node) &&
               message_add_u64(one, "weight", p->weight[i].weight);
    }
    return good;
}

static const char *
advising_role_word(enum policy_kind kind)
{
    static const char *const words[] = {
        [POLICY_ROLE_SMELL] = "setup", [POLICY_ROLE_MOVE] = "move",  [POLICY_ROLE_ASK] = "ask",
        [POLICY_ROLE_WAIT] = "leave",  [POLICY_ROLE_HOLD] = "leave", [POLICY_ROLE_HIDE] = "leave",
    };
    return words[policy_row(kind)->role];
}

static bool
advising_put_one(cJSON *array, const struct client *client, const struct policy_advice *p)
{
    const struct policy_row *row = policy_row(p->kind);
    cJSON *item = reply_array_object(array);
    bool held = p->held_by != POLICY_KIND_COUNT;

    return item != NULL && cJSON_AddStringToObject(item, "kind", row->word) != NULL &&
           cJSON_AddStringToObject(item, "role", advising_role_word(p->kind)) != NULL &&
           cJSON_AddStringToObject(item, "what", row->what) != NULL &&
           cJSON_AddStringToObject(item, "why", p->why) != NULL &&
           cJSON_AddStringToObject(item, "confidence", policy_confidence_word(p->confidence)) !=
               NULL &&
           (p->node == POLICY_NO_NODE || message_add_u64(item, "node", p->node)) &&
           advising_put_evidence(item, p) &&
           cJSON_AddStringToObject(item, "expected", row->expected) != NULL &&
           cJSON_AddStringToObject(item, "revert", row->revert) != NULL &&
           advising_put_changes(item, client, p) && advising_put_weights(item, p) &&
           cJSON_AddBoolToObject(item, "rehome", p->rehome) != NULL &&
           cJSON_AddStringToObject(item, "by_hand", p->snippet) != NULL &&
           cJSON_AddBoolToObject(item, "can_apply", advisor_wrong(client, p) == NULL) != NULL &&
           (!held || cJSON_AddStringToObject(item, "held_by", policy_row(p->held_by)->word) !=
                         NULL) &&
           message_add_u64(item, "seen", p->seen) &&
           message_add_u64(item, "seen_ms", p->steady_ns / 1000000) &&
           cJSON_AddBoolToObject(item, "steady", p->steady) != NULL;
}

// How what is in force has gone so far.
static const char *
advising_verdict(const struct policy_force *force)
{
    return force->proven                    ? "helped"
           : force->looks < POLICY_SAMPLES ? "too early"
                                            : "no gain";
}

static bool
advising_put_force(cJSON *item, const struct advising *a, const struct client *client)
{
    const struct advisor_memory *m = client->advisor;
    const struct policy_force *force = &m->state.force;
    cJSON *in_force = force->on ? reply_object(item, "in_force") : NULL;

    return !force->on ||
           (in_force != NULL &&
            cJSON_AddStringToObject(in_force, "kind", policy_row(force->kind)->word) != NULL &&
            cJSON_AddStringToObject(in_force, "by",
                                    tune_source_word(force->by_user ? TUNE_USER : TUNE_ADVICE)) !=
                NULL &&
            (force->node == POLICY_NO_NODE || message_add_u64(in_force, "node", force->node)) &&
            message_add_u64(in_force, "since_ms", (a->now_ns - force->since_ns) / 1000000) &&
            message_add_u64(in_force, "before_permille", force->before) &&
            message_add_u64(in_force, "now_permille", force->now) &&
            cJSON_AddStringToObject(in_force, "verdict", advising_verdict(force)) != NULL &&
            advising_put_changes(in_force, client, &m->force) &&
            cJSON_AddBoolToObject(in_force, "moving", m->rehome.on) != NULL &&
            message_add_u64(in_force, "moved_pages", m->rehome.moved) &&
            message_add_u64(in_force, "refused_pages", m->rehome.refused));
}

static bool
advising_put_client(cJSON *array, const struct advising *a, struct client *client,
                    const struct policy_list *list)
{
    cJSON *item = cJSON_CreateObject();
    const struct advisor_memory *m = client->advisor;
    bool good = item != NULL && client_put_identity(item, client) &&
                message_add_u64(item, "picture_ms", (a->now_ns - m->picture.taken_ns) / 1000000) &&
                message_add_u64(item, "rss_bytes", m->picture.rss_bytes) &&
                cJSON_AddBoolToObject(item, "acted_on", a->advisor->acts && client->numa_act) !=
                    NULL &&
                advising_put_force(item, a, client);
    cJSON *advice = good ? cJSON_AddArrayToObject(item, "advice") : NULL;

    good = advice != NULL;
    for (unsigned i = 0; i < list->count && good; i++) {
        good = advising_put_one(advice, client, &list->advice[i]);
    }
    return reply_array_text(array, item) && good;
}

// --- Changing ------------------------------------------------------------------------------------

// What is to be applied; NULL with a sentence in why_text when nothing can.
static const struct policy_advice *
advising_choose(const struct advising *a, const struct client *client,
                const struct policy_list *list)
{
    const struct policy_advice *wrong = NULL;

    for (unsigned i = 0; i < list->count; i++) {
        const struct policy_advice *p = &list->advice[i];
        bool meant = a->kind == POLICY_KIND_COUNT || a->kind == p->kind;
        if (meant && advisor_wrong(client, p) == NULL) {
            return p;
        }
        wrong = meant && wrong == NULL && (p->change_count != 0 || p->rehome) ? p : wrong;
    }
    if (wrong != NULL) {
        snprintf(why_text, sizeof why_text, "process %d, %s: %s", (int)client->peer.pid,
                 policy_row(wrong->kind)->word, advisor_wrong(client, wrong));
    } else {
        snprintf(why_text, sizeof why_text,
                 "there is no advice for process %d that can be applied from here",
                 (int)client->peer.pid);
    }
    return NULL;
}

// One process: what it is told, and whether what is asked can be done.
static enum message_error
advising_check_one(struct advising *a, struct client *client, cJSON *array)
{
    const struct policy_list *list = advisor_look(a->advisor, client, a->now_ns);

    snprintf(why_text, sizeof why_text, "the daemon is short of memory");
    if (list == NULL ||
        (a->found <= REPLY_TOLD_MAX && !advising_put_client(array, a, client, list))) {
        return MESSAGE_INTERNAL;
    }
    if (a->apply && advising_choose(a, client, list) == NULL) {
        return MESSAGE_BAD_PARAMS;
    }
    a->changed += a->apply || (a->revert && client->advisor->state.force.on) ? 1 : 0;
    return MESSAGE_NONE;
}

static enum message_error
advising_check(struct advising *a, cJSON *array)
{
    enum message_error error = MESSAGE_NONE;
    bool all = !a->by_pid && a->match == NULL;

    for (size_t i = 0; i < a->advisor->roster->count && error == MESSAGE_NONE; i++) {
        struct client *client = a->advisor->roster->client[i];
        if (!advising_is_for(a, client)) {
            continue;
        }
        if (!client_may_be_seen(client->peer.uid, a->uid)) {
            a->denied++;
            continue;
        }
        a->found++;
        a->left_out += a->found > REPLY_TOLD_MAX ? 1 : 0;
        if (a->found <= REPLY_TOLD_MAX || a->apply || a->revert) {
            error = advising_check_one(a, client, array);
        }
    }
    if (error == MESSAGE_NONE && a->found == 0 && !all) {
        snprintf(why_text, sizeof why_text, "%s",
                 a->denied != 0 ? "only root and the user of a process may see or follow its advice"
                 : a->by_pid    ? "no process with this pid is registered"
                                : "no process that matches is registered");
        return a->denied != 0 ? MESSAGE_DENIED : MESSAGE_NO_SUCH_PROCESS;
    }
    return error;
}

static void
advising_change(struct advising *a)
{
    const char *why;

    for (size_t i = 0; i < a->advisor->roster->count; i++) {
        struct client *client = a->advisor->roster->client[i];
        if (!advising_is_for(a, client) || !client_may_be_seen(client->peer.uid, a->uid)) {
            continue;
        }
        if (a->revert) {
            // Whoever takes it back does not want it done again at once.
            advisor_revert(a->advisor, client, true, a->now_ns);
            continue;
        }
        const struct policy_list *list = advisor_look(a->advisor, client, a->now_ns);
        const struct policy_advice *p = list == NULL ? NULL : advising_choose(a, client, list);
        if (p != NULL && !advisor_apply(a->advisor, client, p, true, a->now_ns, &why)) {
            a->changed--;
        }
    }
}

static enum message_error
advising_run(struct advising *a, cJSON *object)
{
    cJSON *array = cJSON_AddArrayToObject(object, "processes");
    bool changes = (a->apply || a->revert) && !a->dry_run;

    snprintf(why_text, sizeof why_text, "the daemon is short of memory");
    enum message_error error = array == NULL ? MESSAGE_INTERNAL : advising_check(a, array);
    if (error == MESSAGE_NONE && changes) {
        advising_change(a);
    }
    if (error == MESSAGE_NONE &&
        !(message_add_u64(object, "denied", a->denied) &&
          message_add_u64(object, "left_out", a->left_out) &&
          cJSON_AddBoolToObject(object, "dry_run", a->dry_run) != NULL &&
          cJSON_AddBoolToObject(object, "acting", a->advisor->acts) != NULL &&
          message_add_u64(object, "applied", a->apply ? a->changed : 0) &&
          message_add_u64(object, "reverted", a->revert ? a->changed : 0))) {
        error = MESSAGE_INTERNAL;
    }
    return error;
}

enum message_error
method_advise(struct advisor *advisor, const char *boot_id, uid_t uid,
              const struct message_request *request, cJSON **result, const char **why)
{
    struct advising a = {.advisor = advisor, .uid = uid};
    enum message_error error = MESSAGE_BAD_PARAMS;
    cJSON *object = NULL;

    *why = why_text;
    a.now_ns = reply_now_ns(CLOCK_MONOTONIC);
    roster_sweep(advisor->roster, a.now_ns);
    if (advising_read(&a, request)) {
        object = reply_begin(boot_id, "apexd.advise/1");
        error = advising_run(&a, object);
    }
    cJSON_Delete(a.match);
    if (error != MESSAGE_NONE) {
        cJSON_Delete(object);
        return error;
    }
    *result = object;
    return MESSAGE_NONE;
}
