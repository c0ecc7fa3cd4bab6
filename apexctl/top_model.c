// SPDX-License-Identifier: MIT
//
// Rows, rates and their order; see top_model.h. What was there before is looked up by key in a
// sorted copy, so that thousands of processes are no work.

#include "apexctl/top_model.h"

#include "apexctl/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct top_column_info top_columns[TOP_COLUMN_COUNT] = {
#define TOP_COLUMN_INFO(name, word, title, kind, object, field) \
    {word, title, object, field, TOP_KIND_##kind},
    TOP_COLUMNS(TOP_COLUMN_INFO)
#undef TOP_COLUMN_INFO
};

void
top_model_init(struct top_model *model)
{
    *model = (struct top_model){.sort = TOP_ALLOCATED};
}

void
top_model_clear(struct top_model *model)
{
    free(model->row);
    model->row = NULL;
    model->count = 0;
    model->shown = 0;
    model->hidden = 0;
    model->monotonic_ns = 0;
    memset(model->sum, 0, sizeof model->sum);
}

// --- Order ---------------------------------------------------------------------------------------

static bool
top_model_is_shown(const struct top_model *model, const struct top_row *row)
{
    char pid[24];

    snprintf(pid, sizeof pid, "%.0f", row->value[TOP_PID]);
    return model->filter[0] == '\0' || strcasestr(row->comm, model->filter) != NULL ||
           strstr(pid, model->filter) != NULL;
}

static int
top_model_compare_values(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int
top_model_compare(const void *left, const void *right, void *context)
{
    const struct top_model *model = context;
    const struct top_row *a = left;
    const struct top_row *b = right;
    bool a_shown = top_model_is_shown(model, a);
    int order = model->sort == TOP_NAME
                    ? strcmp(a->comm, b->comm)
                    : top_model_compare_values(a->value[model->sort], b->value[model->sort]);

    if (a_shown != top_model_is_shown(model, b)) {
        return a_shown ? -1 : 1;
    }
    if (order == 0) { // rows that are equal must not dance
        return top_model_compare_values(a->value[TOP_PID], b->value[TOP_PID]);
    }
    return model->ascending ? order : -order;
}

static void
top_model_arrange(struct top_model *model)
{
    if (model->count > 0) {
        qsort_r(model->row, model->count, sizeof model->row[0], top_model_compare, model);
    }
    model->shown = 0;
    while (model->shown < model->count && top_model_is_shown(model, &model->row[model->shown])) {
        model->shown++;
    }
}

void
top_model_sort(struct top_model *model, enum top_column sort, bool reversed)
{
    model->sort = sort;
    model->ascending = (sort == TOP_NAME || sort == TOP_PID) != reversed;
    top_model_arrange(model);
}

void
top_model_filter(struct top_model *model, const char *text)
{
    snprintf(model->filter, sizeof model->filter, "%s", text);
    top_model_arrange(model);
}

size_t
top_model_find(const struct top_model *model, const char *key, size_t otherwise)
{
    for (size_t i = 0; i < model->shown; i++) {
        if (strcmp(model->row[i].key, key) == 0) {
            return i;
        }
    }
    return otherwise < model->shown ? otherwise : model->shown > 0 ? model->shown - 1 : 0;
}

bool
top_model_column(const char *word, enum top_column *column)
{
    for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
        if (strcmp(top_columns[i].word, word) == 0) {
            *column = (enum top_column)i;
            return true;
        }
    }
    return false;
}

// --- From answers to rows ------------------------------------------------------------------------

static int
top_model_compare_keys(const void *left, const void *right)
{
    const struct top_row *a = left;
    const struct top_row *b = right;

    return strcmp(a->key, b->key);
}

static void
top_model_read(struct top_row *row, const cJSON *process)
{
    *row = (struct top_row){.key = ""};
    snprintf(row->key, sizeof row->key, "%s", value_text(process, "key"));
    snprintf(row->comm, sizeof row->comm, "%s", value_text(process, "comm"));
    for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
        const struct top_column_info *info = &top_columns[i];
        const cJSON *object = info->object[0] == '\0'
                                  ? process
                                  : cJSON_GetObjectItemCaseSensitive(process, info->object);
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, info->field);
        double number = cJSON_IsNumber(item) && item->valuedouble >= 0 ? item->valuedouble : 0;
        row->value[i] = info->kind == TOP_KIND_RATE ? -1 : number;
        row->total[i] = info->kind == TOP_KIND_RATE && item == NULL ? -1 : number;
    }
}

// `before` may be NULL: the process is new.
static void
top_model_rates(struct top_row *row, const struct top_row *before, double seconds)
{
    for (unsigned i = 0; i < TOP_COLUMN_COUNT && before != NULL; i++) {
        if (top_columns[i].kind != TOP_KIND_RATE || row->total[i] < 0 || before->total[i] < 0) {
            continue;
        }
        // Asked twice at one moment: what was known then holds still.
        double more = row->total[i] - before->total[i];
        row->value[i] = seconds > 0 ? (more > 0 ? more : 0) / seconds : before->value[i];
    }
}

static void
top_model_sum(struct top_model *model)
{
    memset(model->sum, 0, sizeof model->sum);
    for (size_t r = 0; r < model->count; r++) {
        for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
            double value = model->row[r].value[i];
            model->sum[i] += value > 0 ? value : 0;
        }
    }
}

bool
top_model_update(struct top_model *model, const cJSON *result)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "processes");
    size_t count = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    struct top_row *row = calloc(count + 1, sizeof *row);
    uint64_t monotonic_ns = value_u64(result, "monotonic_ns");
    const cJSON *process;
    size_t at = 0;

    if (row == NULL || !cJSON_IsArray(list)) {
        free(row);
        return false;
    }
    double seconds = monotonic_ns > model->monotonic_ns && model->monotonic_ns != 0
                         ? (double)(monotonic_ns - model->monotonic_ns) / 1e9
                         : 0;
    if (model->count > 0) {
        qsort(model->row, model->count, sizeof *row, top_model_compare_keys);
    }
    cJSON_ArrayForEach(process, list)
    {
        top_model_read(&row[at], process);
        const struct top_row *before =
            model->count == 0
                ? NULL
                : bsearch(&row[at], model->row, model->count, sizeof *row, top_model_compare_keys);
        top_model_rates(&row[at], before, seconds);
        at++;
    }
    free(model->row);
    model->row = row;
    model->count = count;
    model->hidden = value_u64(result, "hidden");
    model->monotonic_ns = monotonic_ns;
    top_model_sum(model);
    top_model_arrange(model);
    return true;
}
