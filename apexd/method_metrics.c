// SPDX-License-Identifier: MIT
//
// A scrape, put into a reply; see method_metrics.h.

#include "apexd/method_metrics.h"

#include "apexd/reply.h"

cJSON *
method_metrics(struct scrape_cache *cache, struct roster *roster, const char *boot_id,
               uint64_t started_ns, uid_t uid, const struct message_request *request)
{
    struct scrape_options options = {
        .uid = uid,
        .per_process = message_param_flag(request, "per_process"),
        .format =
            message_param_flag(request, "openmetrics") ? METRICS_OPENMETRICS : METRICS_PROMETHEUS,
        .started_ns = started_ns,
    };
    const char *text = scrape(cache, roster, &options);
    cJSON *result = text == NULL ? NULL : reply_begin(boot_id, "apexd.metrics/1");
    const char *type = metrics_content_type(options.format);
    // Not by message_add_text, which is for short texts of strangers: this one is ours.
    bool good = cJSON_AddStringToObject(result, "content_type", type) != NULL &&
                cJSON_AddStringToObject(result, "text", text) != NULL;

    if (!good) {
        cJSON_Delete(result);
        return NULL;
    }
    return result;
}
