// SPDX-License-Identifier: MIT
//
// The two text formats of Prometheus; see metrics.h. They differ in four things: OpenMetrics
// names a counter's family without `_total`, has the type `info`, tells units, and says where it
// ends.

#include "apexd/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 80
#define FAULTS "fault_" // such counters are one family, with a label for the kind

// Both texts twice as long when each character is escaped, and the words around them.
#define NODES "apex_node_" // what families by node begin with, and no others
#define LABELS_BYTES (2 * (LEDGER_COMM_BYTES + LEDGER_UNIT_BYTES) + 96)

enum metrics_type { METRICS_GAUGE, METRICS_COUNTER, METRICS_INFO };

struct metrics_page {
    FILE *out;
    enum metrics_format format;
    const struct metrics_samples *samples;
    char (*labels)[LABELS_BYTES]; // of each row, with braces, or empty
};

// Figures that do not come from a field of the pages as it is. The fields named here have their
// place among them.
static const struct {
    const char *field; // of stats.def, or "" when it is computed
    size_t offset;     // in struct metrics_row
    enum metrics_type type;
    const char *name;
    const char *unit;
    const char *help;
} metrics_of_rows[] = {
#define METRICS_AT(member) offsetof(struct metrics_row, member)
    {"", METRICS_AT(processes), METRICS_GAUGE, "apex_processes", "",
     "Processes that are registered now"},
    {"", METRICS_AT(started), METRICS_COUNTER, "apex_processes_registered", "",
     "Processes that have registered, those that have exited included"},
    {"", METRICS_AT(threads), METRICS_GAUGE, "apex_threads", "",
     "Threads with a heap of their own"},
    {"", METRICS_AT(heap.allocated), METRICS_GAUGE, "apex_heap_allocated_bytes", "bytes",
     "Live objects"},
    {"active", METRICS_AT(heap.active), METRICS_GAUGE, "apex_heap_active_bytes", "bytes",
     "Blocks that hold live objects, and large objects"},
    {"", METRICS_AT(heap.resident_max), METRICS_GAUGE, "apex_heap_resident_bytes", "bytes",
     "Memory of the heap that may be in core, an upper bound: active, dirty and metadata"},
    {"dirty", METRICS_AT(heap.dirty), METRICS_GAUGE, "apex_heap_dirty_bytes", "bytes",
     "Free memory that was not given back to the kernel yet"},
    {"retained", METRICS_AT(heap.retained), METRICS_GAUGE, "apex_heap_retained_bytes", "bytes",
     "Free addresses whose memory was given back"},
    {"mapped", METRICS_AT(heap.mapped), METRICS_GAUGE, "apex_heap_mapped_bytes", "bytes",
     "Addresses held from the kernel"},
    {"metadata", METRICS_AT(heap.metadata), METRICS_GAUGE, "apex_heap_metadata_bytes", "bytes",
     "Descriptors and other bookkeeping"},
#undef METRICS_AT
};

#define OF_ROWS (sizeof metrics_of_rows / sizeof metrics_of_rows[0])

// Fields that others call by another name.
static const struct {
    const char *field;
    const char *name;
} metrics_names[] = {
    {"remote_sent", "remote_frees"},
    {"slow_ns", "slow_path"},
};

const char *
metrics_content_type(enum metrics_format format)
{
    return format == METRICS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

// --- Accept --------------------------------------------------------------------------------------

// How much one range of an Accept header is liked, in thousandths: 1000 unless it says `q=`.
static unsigned
metrics_quality(const char *range, size_t length)
{
    for (size_t i = 0; i + 3 <= length; i++) {
        bool begins = i > 0 && strchr("; \t", range[i - 1]) != NULL;
        if (begins && (range[i] == 'q' || range[i] == 'Q') && range[i + 1] == '=') {
            double q = strtod(range + i + 2, NULL);
            return q >= 1 ? 1000 : q > 0 ? (unsigned)(q * 1000) : 0;
        }
    }
    return 1000;
}

static bool
metrics_is_type(const char *range, size_t length, const char *type)
{
    size_t bytes = strlen(type);
    return length >= bytes && strncasecmp(range, type, bytes) == 0 &&
           (length == bytes || strchr("; \t", range[bytes]) != NULL);
}

enum metrics_format
metrics_choose(const char *accept)
{
    unsigned open = 0;
    unsigned plain = 0;

    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, " \t,");
        size_t length = strcspn(accept, ",");
        unsigned quality = metrics_quality(accept, length);
        // Version 0.0.1 was a draft; who asks for it alone gets the format that all read.
        bool draft = memmem(accept, length, "version=0", strlen("version=0")) != NULL;
        if (metrics_is_type(accept, length, "application/openmetrics-text")) {
            open = !draft && quality > open ? quality : open;
        } else if (metrics_is_type(accept, length, "text/plain")) {
            plain = quality > plain ? quality : plain;
        }
        accept += length;
    }
    return open > 0 && open >= plain ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}

// --- Names ---------------------------------------------------------------------------------------

static bool
metrics_ends(const char *name, const char *end)
{
    size_t length = strlen(name);
    size_t bytes = strlen(end);
    return length >= bytes && strcmp(name + length - bytes, end) == 0;
}

static bool
metrics_is_fault(const struct ledger_field *field)
{
    return !field->is_gauge && field->section == APEX_SECTION_PROCESS &&
           strncmp(field->name, FAULTS, strlen(FAULTS)) == 0 && strcmp(field->unit, "count") == 0;
}

static const char *
metrics_unit(const struct ledger_field *field)
{
    return strcmp(field->unit, "bytes") == 0 ? "bytes"
           : strcmp(field->unit, "ns") == 0  ? "seconds"
                                             : "";
}

// The family of a field, without `_total`. Units we do not know become part of the name.
static void
metrics_family(const struct ledger_field *field, char name[NAME_BYTES])
{
    const char *unit = metrics_unit(field);
    const char *base = field->name;

    for (size_t i = 0; i < sizeof metrics_names / sizeof metrics_names[0]; i++) {
        base = strcmp(base, metrics_names[i].field) == 0 ? metrics_names[i].name : base;
    }
    if (unit[0] == '\0' && strcmp(field->unit, "count") != 0) {
        unit = field->unit;
    }
    snprintf(name, NAME_BYTES, "apex_%s%s%s", base, unit[0] == '\0' ? "" : "_", unit);
}

// Whether field `index` gets a family. Not if it has its place elsewhere; and one that a stranger
// brought may not take the name of a family that is there, nor one with a meaning of its own.
static bool
metrics_is_shown(const struct metrics_samples *s, unsigned index)
{
    static const char *const reserved[] = {"_total", "_created", "_info",   "_bucket",
                                           "_count", "_sum",     "_gcount", "_gsum"};
    const struct ledger_field *field = &s->field[index];
    char name[NAME_BYTES];
    char other[NAME_BYTES];

    if (metrics_is_fault(field)) {
        return false;
    }
    metrics_family(field, name);
    for (size_t i = 0; i < OF_ROWS; i++) {
        bool placed = field->section == APEX_SECTION_PROCESS &&
                      metrics_of_rows[i].field[0] != '\0' &&
                      strcmp(field->name, metrics_of_rows[i].field) == 0;
        if (placed || strcmp(metrics_of_rows[i].name, name) == 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < index; i++) {
        metrics_family(&s->field[i], other);
        if (strcmp(name, other) == 0) {
            return false;
        }
    }
    for (size_t i = 0; field->text == NULL && i < sizeof reserved / sizeof reserved[0]; i++) {
        if (metrics_ends(name, reserved[i])) {
            return false;
        }
    }
    return field->text != NULL ||
           (strcmp(name, "apex_faults") != 0 && strcmp(name, "apex_advice") != 0 &&
            strncmp(name, NODES, strlen(NODES)) != 0);
}

// --- Text ----------------------------------------------------------------------------------------

// Appends a text with what has a meaning in quotes escaped; stops where there is no room.
static size_t
metrics_escape(char *to, size_t at, size_t capacity, const char *text)
{
    for (; *text != '\0' && at + 3 <= capacity; text++) {
        if (*text == '\\' || *text == '"') {
            to[at++] = '\\';
        }
        to[at++] = *text;
    }
    to[at] = '\0';
    return at;
}

static void
metrics_row_labels(const struct metrics_row *row, char labels[LABELS_BYTES])
{
    size_t at = 0;

    labels[0] = '\0';
    if (row->labels == METRICS_OF_HOST) {
        return;
    }
    at = metrics_escape(labels, at, LABELS_BYTES, "{comm=");
    labels[at++] = '"';
    at = metrics_escape(labels, at, LABELS_BYTES, row->key.comm);
    if (row->labels == METRICS_OF_OTHERS) {
        snprintf(labels + at, LABELS_BYTES - at, "\",uid=\"\",unit=\"\"}");
        return;
    }
    at += (size_t)snprintf(labels + at, LABELS_BYTES - at, "\",uid=\"%" PRIu64 "\",unit=\"",
                           (uint64_t)row->key.uid);
    at = metrics_escape(labels, at, LABELS_BYTES, row->key.unit);
    if (row->labels == METRICS_OF_PROCESS) {
        snprintf(labels + at, LABELS_BYTES - at, "\",pid=\"%" PRIu64 "\"}", row->pid);
    } else {
        snprintf(labels + at, LABELS_BYTES - at, "\"}");
    }
}

// What stands above the samples of a family. `name` is without `_total` and `_info`. Help texts are
// ours and need no escapes.
static void
metrics_head(const struct metrics_page *p, const char *name, enum metrics_type type,
             const char *unit, const char *help)
{
    static const char *const words[] = {"gauge", "counter", "info"};
    bool open = p->format == METRICS_OPENMETRICS;
    const char *end = open                      ? ""
                      : type == METRICS_COUNTER ? "_total"
                      : type == METRICS_INFO    ? "_info"
                                                : "";
    const char *word = type == METRICS_INFO && !open ? "gauge" : words[type];

    fprintf(p->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, end, help, name, end, word);
    if (open && unit[0] != '\0') {
        fprintf(p->out, "# UNIT %s %s\n", name, unit);
    }
}

static void
metrics_value(const struct metrics_page *p, uint64_t value, bool is_ns)
{
    if (is_ns) {
        fprintf(p->out, " %" PRIu64 ".%09" PRIu64 "\n", value / 1000000000, value % 1000000000);
    } else {
        fprintf(p->out, " %" PRIu64 "\n", value);
    }
}

static void
metrics_rows(const struct metrics_page *p, const char *name, enum metrics_type type, size_t offset,
             bool is_ns)
{
    for (unsigned i = 0; i < p->samples->row_count; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&p->samples->row[i] + offset, sizeof value);
        fprintf(p->out, "%s%s%s", name, type == METRICS_COUNTER ? "_total" : "", p->labels[i]);
        metrics_value(p, value, is_ns);
    }
}

static void
metrics_fields(const struct metrics_page *p)
{
    char name[NAME_BYTES];

    for (unsigned i = 0; i < p->samples->field_count; i++) {
        const struct ledger_field *field = &p->samples->field[i];
        if (!metrics_is_shown(p->samples, i)) {
            continue;
        }
        enum metrics_type type = field->is_gauge ? METRICS_GAUGE : METRICS_COUNTER;
        metrics_family(field, name);
        metrics_head(p, name, type, metrics_unit(field),
                     field->text != NULL ? field->text : "A value that is newer than this apexd");
        metrics_rows(p, name, type, offsetof(struct metrics_row, value) + i * sizeof(uint64_t),
                     strcmp(field->unit, "ns") == 0);
    }
}

// One sample, with a label before those of its row.
static void
metrics_labelled(const struct metrics_page *p, const char *name, const char *label,
                 const char *value, unsigned row)
{
    // The braces of the row's labels, if it has any, give way to a comma.
    const char *rest = p->labels[row][0] == '\0' ? "}" : p->labels[row] + 1;
    fprintf(p->out, "%s{%s=\"%s\"%s%s", name, label, value, rest[0] == '}' ? "" : ",", rest);
}

static bool
metrics_knows_node(const struct metrics_row *row, unsigned node)
{
    uint64_t any = 0;

    for (unsigned v = 0; v < PAGE_NODE_VALUES; v++) {
        any |= row->node[node][v];
    }
    return any != 0;
}

// A family for each value, named as the value with `node_` before it. A row that has never had
// anything on a node has no sample of it.
static void
metrics_nodes(const struct metrics_page *p)
{
    const struct metrics_samples *s = p->samples;
    char number[16];
    char name[NAME_BYTES];
    char sample[NAME_BYTES + 8];
    char help[160];

    for (unsigned v = 0; v < PAGE_NODE_VALUES; v++) {
        const struct page_node_field *field = &page_node_field[v];
        bool bytes = strcmp(field->unit, "bytes") == 0;
        snprintf(name, sizeof name, NODES "%s%s", field->name, bytes ? "_bytes" : "");
        snprintf(sample, sizeof sample, "%s%s", name, field->is_gauge ? "" : "_total");
        snprintf(help, sizeof help, "Superblocks by the node that is their home: %s", field->text);
        metrics_head(p, name, field->is_gauge ? METRICS_GAUGE : METRICS_COUNTER,
                     bytes ? "bytes" : "", help);
        for (unsigned i = 0; i < s->row_count; i++) {
            for (unsigned n = 0; n < s->node_count; n++) {
                if (metrics_knows_node(&s->row[i], n)) {
                    snprintf(number, sizeof number, "%" PRIu32, s->node[n]);
                    metrics_labelled(p, sample, "node", number, i);
                    metrics_value(p, s->row[i].node[n][v], false);
                }
            }
        }
    }
}

static void
metrics_faults(const struct metrics_page *p)
{
    const struct metrics_samples *s = p->samples;

    metrics_head(
        p, "apex_faults", METRICS_COUNTER, "",
        "Misuse of the heap that was found, by kind; processes that go on after it report it");
    for (unsigned f = 0; f < s->field_count; f++) {
        if (!metrics_is_fault(&s->field[f])) {
            continue;
        }
        const char *kind = s->field[f].name + strlen(FAULTS);
        for (unsigned i = 0; i < s->row_count; i++) {
            metrics_labelled(p, "apex_faults_total", "kind", kind, i);
            metrics_value(p, s->row[i].value[f], false);
        }
    }
}

static void
metrics_daemon(const struct metrics_page *p)
{
    static const char *const reasons[APEX_HELLO_STATUS_COUNT] = {
#define METRICS_REASON(name, number, word) [number] = word,
        APEX_HELLO_STATUSES(METRICS_REASON)
#undef METRICS_REASON
    };
    const struct metrics_samples *s = p->samples;

    metrics_head(p, "apexd_build", METRICS_INFO, "", "Which apexd answers");
    fprintf(p->out, "apexd_build_info{version=\"%s\"} 1\n", s->version);
    metrics_head(p, "apexd_start_time_seconds", METRICS_GAUGE, "seconds",
                 "When this apexd started, since the epoch");
    fprintf(p->out, "apexd_start_time_seconds %" PRIu64 ".%03" PRIu64 "\n", s->started_ms / 1000,
            s->started_ms % 1000);
    metrics_head(p, "apexd_processes", METRICS_GAUGE, "", "Processes that are registered");
    fprintf(p->out, "apexd_processes %" PRIu64 "\n", s->processes);
    metrics_head(p, "apexd_processes_limit", METRICS_GAUGE, "", "How many processes may be");
    fprintf(p->out, "apexd_processes_limit %" PRIu64 "\n", s->capacity);
    metrics_head(p, "apexd_registrations", METRICS_COUNTER, "", "Registrations that were accepted");
    fprintf(p->out, "apexd_registrations_total %" PRIu64 "\n", s->answered[APEX_HELLO_ACCEPTED]);
    metrics_head(p, "apexd_registration_rejected", METRICS_COUNTER, "",
                 "Registrations that were refused, by reason");
    for (unsigned i = APEX_HELLO_ACCEPTED + 1; i < APEX_HELLO_STATUS_COUNT; i++) {
        fprintf(p->out, "apexd_registration_rejected_total{reason=\"%s\"} %" PRIu64 "\n",
                reasons[i], s->answered[i]);
    }
    metrics_head(p, "apexd_scrape_duration_seconds", METRICS_GAUGE, "seconds",
                 "Time it took to gather these figures");
    fputs("apexd_scrape_duration_seconds", p->out);
    metrics_value(p, s->took_ns, true);
}

// What acting mode does by itself.
static void
metrics_acts(const struct metrics_page *p)
{
    const struct metrics_samples *s = p->samples;

    metrics_head(p, "apexd_processes_pressed", METRICS_GAUGE, "",
                 "Processes that are advised to keep less, because memory is short");
    fprintf(p->out, "apexd_processes_pressed %" PRIu64 "\n", s->pressed);
    metrics_head(p, "apexd_sweeps", METRICS_COUNTER, "", "Sweeps of idle processes");
    fprintf(p->out, "apexd_sweeps_total %" PRIu64 "\n", s->sweeps);
    metrics_head(p, "apexd_swept_bytes", METRICS_COUNTER, "bytes",
                 "Resident memory that sweeps of idle processes took");
    fprintf(p->out, "apexd_swept_bytes_total %" PRIu64 "\n", s->swept_bytes);
}

// What nobody can apply is only issued.
static void
metrics_advice(const struct metrics_page *p)
{
    static const char *const words[] = {
#define METRICS_OUTCOME_WORD(name, word) word,
        POLICY_OUTCOMES(METRICS_OUTCOME_WORD)
#undef METRICS_OUTCOME_WORD
    };

    metrics_head(p, "apex_advice", METRICS_COUNTER, "",
                 "Advice on NUMA, by kind and by what became of it");
    for (unsigned kind = 0; kind < POLICY_KIND_COUNT; kind++) {
        const struct policy_row *row = policy_row((enum policy_kind)kind);
        bool applies = row->role == POLICY_ROLE_MOVE || row->role == POLICY_ROLE_ASK;
        for (unsigned i = 0; i < (applies ? POLICY_OUTCOME_COUNT : POLICY_OUTCOME_ISSUED + 1);
             i++) {
            fprintf(p->out, "apex_advice_total{kind=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
                    row->word, words[i], p->samples->advice[kind][i]);
        }
    }
}

char *
metrics_render(const struct metrics_samples *samples, enum metrics_format format, size_t *bytes)
{
    char *text = NULL;
    struct metrics_page p = {open_memstream(&text, bytes), format, samples, NULL};

    p.labels = calloc(samples->row_count + 1, sizeof *p.labels);
    if (p.out == NULL || p.labels == NULL) {
        if (p.out != NULL) {
            fclose(p.out);
        }
        free(p.labels);
        free(text);
        return NULL;
    }
    for (unsigned i = 0; i < samples->row_count; i++) {
        metrics_row_labels(&samples->row[i], p.labels[i]);
    }
    for (size_t i = 0; i < OF_ROWS; i++) {
        metrics_head(&p, metrics_of_rows[i].name, metrics_of_rows[i].type, metrics_of_rows[i].unit,
                     metrics_of_rows[i].help);
        metrics_rows(&p, metrics_of_rows[i].name, metrics_of_rows[i].type,
                     metrics_of_rows[i].offset, false);
    }
    metrics_fields(&p);
    metrics_faults(&p);
    metrics_advice(&p);
    metrics_nodes(&p);
    metrics_daemon(&p);
    metrics_acts(&p);
    if (format == METRICS_OPENMETRICS) {
        fputs("# EOF\n", p.out);
    }
    bool good = ferror(p.out) == 0;
    good = fclose(p.out) == 0 && good;
    free(p.labels);
    if (!good) {
        free(text);
        return NULL;
    }
    return text;
}
