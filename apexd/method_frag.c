// SPDX-License-Identifier: MIT
//
// Answers `frag`; see method_frag.h.

#include "apexd/method_frag.h"

#include "apexd/frag.h"
#include "apexd/reply.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool
frag_put_class(cJSON *object, const struct frag_class *c)
{
    return object != NULL && message_add_u64(object, "blocks", c->blocks) &&
           message_add_u64(object, "live", c->live) &&
           message_add_u64(object, "live_bytes", c->live_bytes) &&
           message_add_u64(object, "internal_bytes_estimated", c->internal_bytes) &&
           message_add_u64(object, "internal_bytes_max", c->internal_bytes_max) &&
           message_add_u64(object, "free_bytes", c->free_bytes) &&
           message_add_u64(object, "loss_bytes", c->loss_bytes) &&
           message_add_u64(object, "idle_bytes", c->idle_bytes);
}

static bool
frag_put_classes(cJSON *result, const struct frag *frag)
{
    cJSON *array = cJSON_AddArrayToObject(result, "classes");
    bool good = array != NULL;

    for (unsigned i = 0; i < frag->class_count && good; i++) {
        if (frag->class[i].blocks != 0) {
            cJSON *item = reply_array_object(array);
            good = message_add_u64(item, "size_bytes", frag->class[i].size_bytes) &&
                   frag_put_class(item, &frag->class[i]);
        }
    }
    return good;
}

static bool
frag_put_totals(cJSON *result, const struct frag *frag)
{
    cJSON *totals = reply_object(result, "totals");

    return totals != NULL && frag_put_class(totals, &frag->sum) &&
           message_add_u64(totals, "held_bytes", frag->held_bytes) &&
           message_add_u64(totals, "large_bytes", frag->large_bytes) &&
           message_add_u64(totals, "large_cached_bytes", frag->large_cached_bytes) &&
           message_add_u64(totals, "dirty_bytes", frag->dirty_bytes) &&
           message_add_u64(totals, "clean_bytes", frag->clean_bytes) &&
           message_add_u64(totals, "taken_bytes", frag->taken_bytes) &&
           message_add_u64(totals, "orphan_free_bytes", frag->orphan_free_bytes) &&
           message_add_u64(totals, "metadata_bytes", frag->metadata_bytes) &&
           message_add_u64(totals, "retained_bytes", frag->retained_bytes);
}

static bool
frag_put_advice(cJSON *result, const struct frag *frag, pid_t pid)
{
    cJSON *array = cJSON_AddArrayToObject(result, "advice");
    bool good = array != NULL;

    for (unsigned i = 0; i < frag->advice_count && good; i++) {
        const struct frag_advice *advice = &frag->advice[i];
        cJSON *item = reply_array_object(array);
        good = item != NULL && cJSON_AddStringToObject(item, "kind", advice->kind) != NULL &&
               message_add_u64(item, "saves_bytes_max", advice->saves_bytes) &&
               cJSON_AddStringToObject(item, "text", advice->text) != NULL;
        if (good && advice->option != NULL) {
            char command[96];
            snprintf(command, sizeof command, "apexctl tune %d %s", (int)pid, advice->option);
            good = cJSON_AddStringToObject(item, "command", command) != NULL;
        }
    }
    return good;
}

enum message_error
method_frag(const struct client *client, const struct page_snapshot *snapshot, const char *boot_id,
            cJSON **result)
{
    struct frag *frag = malloc(sizeof *frag);
    cJSON *object = frag == NULL ? NULL : reply_begin(boot_id, "apexd.frag/1");

    *result = NULL;
    if (object == NULL) {
        free(frag);
        return MESSAGE_INTERNAL;
    }
    frag_compute(frag, &client->map, snapshot);
    page_map_rest(&client->map); // the rows of a large heap are megabytes
    if (client_put_identity(object, client) && frag_put_totals(object, frag) &&
        message_add_u64(object, "superblocks_hidden", frag->superblocks_hidden) &&
        frag_put_classes(object, frag) && frag_put_advice(object, frag, client->peer.pid)) {
        *result = object;
    } else {
        cJSON_Delete(object);
    }
    free(frag);
    return *result == NULL ? MESSAGE_INTERNAL : MESSAGE_NONE;
}
