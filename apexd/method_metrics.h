// SPDX-License-Identifier: MIT
//
// The method `metrics`: what Prometheus would be given, for those who ask on control.sock.

#ifndef APEXD_METHOD_METRICS_H
#define APEXD_METHOD_METRICS_H

#include "apexd/proto/message.h"
#include "apexd/roster.h"
#include "apexd/scrape.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <sys/types.h>

// The result for a caller with this uid; NULL when memory is short. `started_ns`: CLOCK_MONOTONIC,
// of the daemon.
cJSON *method_metrics(struct scrape_cache *cache, struct roster *roster, const char *boot_id,
                      uint64_t started_ns, uid_t uid, const struct message_request *request);

#endif
