// SPDX-License-Identifier: MIT
//
// A list of findings and its two forms; see finding.h.

#include "apexctl/finding.h"

#include "apexd/proto/message.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
    [FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_BAD] = "bad"};

void
finding_add(struct findings *findings, enum finding_level level, const char *subject,
            const char *advice, const char *format, ...)
{
    va_list arguments;

    if (findings->count == findings->capacity) {
        findings->capacity = findings->capacity == 0 ? 32 : findings->capacity * 2;
        findings->list = realloc(findings->list, findings->capacity * sizeof findings->list[0]);
        if (findings->list == NULL) {
            fputs("apexctl: short of memory\n", stderr);
            exit(1);
        }
    }
    char text[FINDING_TEXT_BYTES];
    struct finding *f = &findings->list[findings->count++];
    *f = (struct finding){.level = level, .subject = subject, .advice = advice};
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    // Names of files and programs are strangers' text.
    message_clean(f->text, sizeof f->text, text, sizeof text);
}

enum finding_level
finding_worst(const struct findings *findings)
{
    enum finding_level worst = FINDING_OK;

    for (size_t i = 0; i < findings->count; i++) {
        worst = findings->list[i].level > worst ? findings->list[i].level : worst;
    }
    return worst;
}

void
finding_print(const struct findings *findings, bool with_colours, FILE *out)
{
    static const char *const colours[] = {
        [FINDING_OK] = "\033[32m", [FINDING_WARN] = "\033[33m", [FINDING_BAD] = "\033[1;31m"};

    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->list[i];
        fprintf(out, "%s%-4s%s  %-10s  %s%s%s\n", with_colours ? colours[f->level] : "",
                words[f->level], with_colours ? "\033[0m" : "", f->subject, f->text,
                f->advice == NULL ? "" : "; ", f->advice == NULL ? "" : f->advice);
    }
}

bool
finding_print_json(const struct findings *findings, FILE *out)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list;

    cJSON_AddStringToObject(root, "schema", "apexctl.doctor/1");
    cJSON_AddStringToObject(root, "worst", words[finding_worst(findings)]);
    list = cJSON_AddArrayToObject(root, "findings");
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->list[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "level", words[f->level]);
        cJSON_AddStringToObject(item, "subject", f->subject);
        cJSON_AddStringToObject(item, "text", f->text);
        if (f->advice != NULL) {
            cJSON_AddStringToObject(item, "advice", f->advice);
        }
        cJSON_AddItemToArray(list, item);
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text != NULL) {
        fprintf(out, "%s\n", text);
        cJSON_free(text);
    }
    return text != NULL;
}

void
finding_free(struct findings *findings)
{
    free(findings->list);
    *findings = (struct findings){.list = NULL};
}
