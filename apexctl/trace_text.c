// SPDX-License-Identifier: MIT
//
// A trace as text; see trace_text.h.

#include "apexctl/trace_text.h"

#include <inttypes.h>

void
trace_text(FILE *out, const struct trace *trace)
{
    static const char *const words[] = {
        [TRACE_ALLOC] = "malloc", [TRACE_ZEROED] = "calloc", [TRACE_ALIGNED] = "aligned",
        [TRACE_ENTER] = "enter",  [TRACE_STAY] = "stay",     [TRACE_FREE] = "free",
        [TRACE_LEAVE] = "leave",
    };

    fputs("# call us thread what address requested usable | call that made it\n", out);
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_call *call = &trace->call[i];
        fprintf(out, "%zu %" PRIu64 " %" PRIu32 " %s 0x%" PRIx64, i, call->time_ns / 1000,
                call->thread, words[call->op], call->address);
        if (trace_is_birth(call)) {
            fprintf(out, " %" PRIu64 " %" PRIu64 "\n", call->requested, call->usable);
        } else {
            fprintf(out, " %" PRIu32 "\n", call->of);
        }
    }
}
