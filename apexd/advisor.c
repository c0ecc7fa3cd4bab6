// SPDX-License-Identifier: MIT
//
// Advice on NUMA in the running daemon; see advisor.h. What is clever is in policy.c; here is only
// what takes pictures and changes options.

#include "apexd/advisor.h"

#include "apexd/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOST_NS UINT64_C(1000000000) // how long what the machine said is believed

// Options that say where memory goes: who sets one of them wants no advice about it.
static const char *const keys[] = {"numa", "numa_home", "numa_large", "numa_large_min"};

// --- Without a source ----------------------------------------------------------------------------

static void
advisor_no_host(const struct topology *topology, struct picture_host *host)
{
    *host = (struct picture_host){.node_count = topology->node_count};
}

static void
advisor_no_picture(struct client *client, const struct topology *topology, bool goes_on,
                   uint64_t now_ns, struct picture *out)
{
    (void)goes_on;
    *out = (struct picture){
        .taken_ns = now_ns,
        .rss_bytes = client_rss_bytes(client),
        .age_ns = now_ns - client->registered_ns,
        .node_count = topology->node_count,
    };
}

static const struct advisor_source no_source = {advisor_no_host, advisor_no_picture};

void
advisor_init(struct advisor *advisor, struct roster *roster, const struct topology *topology,
             const struct advisor_source *source, bool acts)
{
    memset(advisor, 0, sizeof *advisor);
    advisor->source = source == NULL ? &no_source : source;
    advisor->roster = roster;
    advisor->topology = topology;
    advisor->acts = acts;
}

// --- What is known -------------------------------------------------------------------------------

static enum tune_source
advisor_source(bool by_user)
{
    return by_user ? TUNE_USER : TUNE_ADVICE;
}

// The process has set such an option itself, or somebody has who goes before advice.
static bool
advisor_has_own(const struct client *client, const struct policy_force *force)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    unsigned options = page_map_options(&client->map, option);
    bool own = false;

    for (unsigned i = 0; i < sizeof keys / sizeof keys[0] && !own; i++) {
        const struct page_option *o = tune_option(option, options, keys[i]);
        const struct tune_value *wanted = tune_find(&client->tune, keys[i]);
        bool by_others = wanted != NULL && wanted->source != TUNE_ADVICE &&
                         !(force->on && force->by_user && wanted->source == TUNE_USER);
        own = (o != NULL && o->own != o->initial) || by_others;
    }
    return own;
}

static struct policy_input
advisor_input(const struct advisor *advisor, const struct client *client)
{
    return (struct policy_input){
        .topology = advisor->topology,
        .host = &advisor->host,
        .picture = &client->advisor->picture,
        .own_options = advisor_has_own(client, &client->advisor->state.force),
    };
}

static void
advisor_look_at_host(struct advisor *advisor, uint64_t now_ns)
{
    if (advisor->host_ns == 0 || now_ns - advisor->host_ns >= HOST_NS) {
        advisor->source->host(advisor->topology, &advisor->host);
        advisor->host_ns = now_ns;
    }
}

// A person may have taken back the options by `tune`: then nothing is in force.
static bool
advisor_was_reset(const struct client *client)
{
    const struct advisor_memory *m = client->advisor;
    bool found = m->force.change_count == 0;

    for (unsigned i = 0; i < m->force.change_count; i++) {
        const struct tune_value *v = tune_find(&client->tune, m->force.change[i].key);
        found = found || (v != NULL && v->source == advisor_source(m->state.force.by_user));
    }
    return m->state.force.on && !found;
}

// Each kind counts as issued when it becomes steady, and again when it has been gone meanwhile.
static void
advisor_count_issued(struct advisor *advisor, struct advisor_memory *m)
{
    bool steady[POLICY_KIND_COUNT] = {false};

    for (unsigned i = 0; i < advisor->list.count; i++) {
        steady[advisor->list.advice[i].kind] = advisor->list.advice[i].steady;
    }
    for (unsigned kind = 0; kind < POLICY_KIND_COUNT; kind++) {
        bool is_new = steady[kind] && !m->issued[kind];
        advisor->roster->advice_total[kind][POLICY_OUTCOME_ISSUED] += is_new ? 1 : 0;
        m->issued[kind] = steady[kind];
    }
}

// Changes when nodes come or go: places in older pictures then mean other nodes.
static uint64_t
advisor_shape(const struct topology *topology)
{
    uint64_t shape = topology->node_count;

    for (unsigned i = 0; i < topology->node_count; i++) {
        shape = shape * 1031 + topology->node[i].os_index;
    }
    return shape;
}

static void
advisor_take_picture(struct advisor *advisor, struct client *client, uint64_t now_ns)
{
    struct advisor_memory *m = client->advisor;
    uint64_t shape = advisor_shape(advisor->topology);

    if (shape != m->shape) {
        m->shape = shape;
        m->state.pages_ns = 0;
        m->picture.taken_ns = 0;
        advisor->host_ns = 0;
    }
    advisor_look_at_host(advisor, now_ns);
    if (m->picture.taken_ns == 0 || now_ns - m->picture.taken_ns >= ADVISOR_PICTURE_NS) {
        advisor->source->picture(client, advisor->topology, true, now_ns, &m->picture);
    }
}

const struct policy_list *
advisor_look(struct advisor *advisor, struct client *client, uint64_t now_ns)
{
    struct advisor_memory *m = client->advisor;

    if (m == NULL) {
        m = client->advisor = calloc(1, sizeof *m);
    }
    if (m == NULL) {
        return NULL;
    }
    advisor_take_picture(advisor, client, now_ns);
    if (advisor_was_reset(client)) {
        advisor_revert(advisor, client, false, now_ns);
    }
    struct policy_input in = advisor_input(advisor, client);
    policy_look(&m->state, &in, now_ns, &advisor->list);
    advisor_count_issued(advisor, m);
    return &advisor->list;
}

// --- What is done --------------------------------------------------------------------------------

const char *
advisor_wrong(const struct client *client, const struct policy_advice *advice)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    unsigned options = page_map_options(&client->map, option);

    if (!policy_can_apply(advice)) {
        return advice->held_by == POLICY_KIND_COUNT ? "nothing can be done about it from here"
                                                    : policy_row(advice->held_by)->what;
    }
    for (unsigned i = 0; i < advice->change_count; i++) {
        const struct page_option *o = tune_option(option, options, advice->change[i].key);
        if (o == NULL || !o->live) {
            return "the process runs on a libapex too old for it";
        }
    }
    return NULL;
}

static bool
advisor_changes(const struct policy_advice *advice, const char *key)
{
    bool found = false;

    for (unsigned i = 0; i < advice->change_count; i++) {
        found = found || strcmp(advice->change[i].key, key) == 0;
    }
    return found;
}

// Takes out of `tune` what is in force and not in `next`; NULL: all of it.
static void
advisor_take_out(const struct advisor_memory *m, const struct policy_advice *next,
                 enum tune_source next_source, struct tune *tune)
{
    enum tune_source source = advisor_source(m->state.force.by_user);

    for (unsigned i = 0; m->state.force.on && i < m->force.change_count; i++) {
        const char *key = m->force.change[i].key;
        if (next == NULL || next_source != source || !advisor_changes(next, key)) {
            tune_clear(tune, source, key);
        }
    }
}

// Puts `next` in the place of what is in force, in `tune` alone. False when there is no room.
static bool
advisor_put_in(const struct advisor_memory *m, const struct policy_advice *next, bool by_user,
               struct tune *tune)
{
    enum tune_source source = advisor_source(by_user);
    bool good = true;

    advisor_take_out(m, next, source, tune);
    for (unsigned i = 0; i < next->change_count && good; i++) {
        good = tune_set(tune, source, next->change[i].key, next->change[i].value);
    }
    return good;
}

// The books of what was in force, which is not any more.
static void
advisor_end(struct advisor *advisor, struct client *client, bool failed, uint64_t now_ns)
{
    struct advisor_memory *m = client->advisor;

    m->rehome.on = false;
    advisor->roster->advice_total[m->force.kind][POLICY_OUTCOME_REVERTED]++;
    log_event(LOG_LEVEL_INFO, "process %d: took back %s: %u.%u %% in place, %u.%u %% before",
              (int)client->peer.pid, policy_row(m->force.kind)->word, m->state.force.now / 10,
              m->state.force.now % 10, m->state.force.before / 10, m->state.force.before % 10);
    policy_reverted(&m->state, failed, now_ns);
}

static void
advisor_begin_moving(const struct advisor *advisor, struct advisor_memory *m)
{
    if (advisor->acts && m->force.rehome) {
        rehome_begin(&m->rehome, m->force.node == POLICY_NO_NODE ? REHOME_HOME : m->force.node);
    }
}

bool
advisor_apply(struct advisor *advisor, struct client *client, const struct policy_advice *advice,
              bool by_user, uint64_t now_ns, const char **why)
{
    struct advisor_memory *m = client->advisor;
    struct policy_advice chosen = *advice;
    struct tune wanted = client->tune;

    *why = advisor_wrong(client, &chosen);
    if (*why == NULL && !advisor_put_in(m, &chosen, by_user, &wanted)) {
        *why = "too many options are set for the process";
    }
    if (*why != NULL) {
        advisor->roster->advice_total[chosen.kind][POLICY_OUTCOME_REJECTED]++;
        return false;
    }
    // One change of the page: a process that looks meanwhile finds the old or the new.
    client->tune = wanted;
    tune_advise_shares(&client->tune, &client->advice, chosen.weight, chosen.weight_count);
    if (m->state.force.on) {
        advisor_end(advisor, client, false, now_ns);
    }
    struct policy_input in = advisor_input(advisor, client);
    m->force = chosen;
    policy_applied(&m->state, &in, &chosen, by_user, now_ns);
    if (chosen.rehome) {
        advice_rehome(&client->advice);
    }
    m->rehome = (struct rehome){.on = false};
    advisor_begin_moving(advisor, m);
    advisor->roster->advice_total[chosen.kind][POLICY_OUTCOME_APPLIED]++;
    log_event(LOG_LEVEL_INFO, "process %d: applied %s%s: %s", (int)client->peer.pid,
              policy_row(chosen.kind)->word, by_user ? ", as a person wishes" : "", chosen.why);
    return true;
}

bool
advisor_revert(struct advisor *advisor, struct client *client, bool failed, uint64_t now_ns)
{
    struct advisor_memory *m = client->advisor;

    if (m == NULL || !m->state.force.on) {
        return false;
    }
    advisor_take_out(m, NULL, TUNE_SOURCE_COUNT, &client->tune);
    tune_advise_shares(&client->tune, &client->advice, NULL, 0);
    advisor_end(advisor, client, failed, now_ns);
    return true;
}

// --- Acting mode ---------------------------------------------------------------------------------

static void
advisor_act(struct advisor *advisor, struct client *client, uint64_t now_ns)
{
    struct advisor_memory *m = client->advisor;
    struct policy_input in = advisor_input(advisor, client);
    unsigned index = 0;
    const char *why;

    switch (policy_decide(&m->state, &in, &advisor->list, now_ns, &index)) {
    case POLICY_APPLY:
        if (!advisor_apply(advisor, client, &advisor->list.advice[index], false, now_ns, &why)) {
            m->state.not_before_ns[advisor->list.advice[index].kind] = now_ns + POLICY_BACKOFF_NS;
        }
        break;
    case POLICY_ROLL_BACK:
        advisor_revert(advisor, client, true, now_ns);
        break;
    case POLICY_STAND_DOWN:
        advisor_revert(advisor, client, false, now_ns);
        break;
    case POLICY_NOTHING:
        break;
    }
}

// What lies elsewhere after all pages were looked at has come there meanwhile, or was not on the
// page of the process yet.
static void
advisor_move_again(const struct advisor *advisor, struct advisor_memory *m)
{
    for (unsigned i = 0; i < advisor->list.count; i++) {
        const struct policy_advice *a = &advisor->list.advice[i];
        if (m->state.force.on && !m->rehome.on && m->rehome.error == 0 &&
            a->kind == m->force.kind && a->node == m->force.node &&
            a->held_by == POLICY_KIND_COUNT) {
            advisor_begin_moving(advisor, m);
        }
    }
}

// A process that is no longer opted in gets rid of what was done for it.
static void
advisor_tend(struct advisor *advisor, struct client *client, uint64_t now_ns)
{
    const struct advisor_memory *m = client->advisor;

    if (m != NULL && m->state.force.on && !m->state.force.by_user && !client->numa_act) {
        advisor_revert(advisor, client, false, now_ns);
    }
}

void
advisor_beat(struct advisor *advisor, uint64_t now_ns)
{
    const struct roster *roster = advisor->roster;
    uint64_t shape = advisor_shape(advisor->topology);
    unsigned looks = 0;

    if (advisor->topology->node_count < 2) {
        return;
    }
    for (size_t i = 0; i < roster->count && looks < ADVISOR_LOOKS_MAX; i++) {
        advisor->next = advisor->next + 1 < roster->count ? advisor->next + 1 : 0;
        struct client *client = roster->client[advisor->next];
        const struct advisor_memory *m = client->advisor;
        advisor_tend(advisor, client, now_ns);
        if (m != NULL && m->shape == shape && now_ns - m->picture.taken_ns < ADVISOR_PICTURE_NS) {
            continue;
        }
        looks++;
        if (advisor_look(advisor, client, now_ns) == NULL || !advisor->acts) {
            continue;
        }
        if (client->numa_act) {
            advisor_act(advisor, client, now_ns);
        }
        advisor_move_again(advisor, client->advisor);
    }
}

// --- Moving --------------------------------------------------------------------------------------

static void
advisor_move_one(struct advisor *advisor, const struct client *client)
{
    struct rehome *work = &client->advisor->rehome;

    if (advisor->host.balancing || advisor->host.numad) {
        work->on = false; // two that move the same pages undo each other
        return;
    }
    if (!rehome_step(work, client)) {
        log_event(work->error == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                  "process %d: moved %" PRIu64 " pages, %" PRIu64 " did not move%s%s",
                  (int)client->peer.pid, work->moved, work->refused,
                  work->error == 0 ? "" : ": ", work->error == 0 ? "" : strerror(work->error));
    }
}

bool
advisor_move(struct advisor *advisor)
{
    const struct roster *roster = advisor->roster;

    for (size_t i = 0; i < roster->count; i++) {
        const struct client *client = roster->client[i];
        if (client->advisor != NULL && client->advisor->rehome.on) {
            advisor_move_one(advisor, client);
            return true;
        }
    }
    return false;
}
