// SPDX-License-Identifier: MIT
//
// `apexctl map`: asks for the map of a heap, part by part, and draws it on a terminal, or as JSON,
// SVG or HTML.

#include "apexctl/call.h"
#include "apexctl/command.h"
#include "apexctl/map.h"
#include "apexctl/map_html.h"
#include "apexctl/map_svg.h"
#include "apexctl/map_text.h"
#include "apexctl/style.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_USUAL 80
#define PARTS_MAX 64 // of 4096 superblocks: more than any page tells of

enum map_format { MAP_FORMAT_TABLE, MAP_FORMAT_JSON, MAP_FORMAT_SVG, MAP_FORMAT_HTML };

struct map_options {
    enum map_format format;
    enum map_by by;
    bool ascii;
    const char *file; // NULL: stdout
    uint64_t pid;
};

// The index of `text` among `words`; -1 after a line on stderr.
static int
map_choice(const char *option, const char *text, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            return i;
        }
    }
    fprintf(stderr, "apexctl: %s takes", option);
    for (int i = 0; words[i] != NULL; i++) {
        fprintf(stderr, "%s %s", i == 0 ? "" : words[i + 1] == NULL ? " or" : ",", words[i]);
    }
    fprintf(stderr, ", not %s\n", text);
    return -1;
}

static const char *const formats[] = {"table", "json", "svg", "html", NULL};

// Takes the format if `text` is one.
static bool
map_is_format(struct map_options *options, const char *text)
{
    for (int i = 0; formats[i] != NULL; i++) {
        if (strcmp(text, formats[i]) == 0) {
            options->format = (enum map_format)i;
            return true;
        }
    }
    return false;
}

// The format that the name of the file asks for, if it does.
static void
map_format_of_file(struct map_options *options)
{
    const char *dot = options->file == NULL ? NULL : strrchr(options->file, '.');

    if (dot != NULL) {
        (void)map_is_format(options, dot + 1);
    }
}

static bool
map_option(struct map_options *options, int option, const char *text)
{
    static const char *const colours[] = {"class", "fill", "owner", NULL};
    int choice = 0;

    switch (option) {
    case 'o':
        choice = map_choice("-o", text, formats);
        options->format = (enum map_format)choice;
        break;
    case 'b':
        choice = map_choice("--by", text, colours);
        options->by = (enum map_by)choice;
        break;
    case 'a':
        options->ascii = true;
        break;
    case 'f':
        options->file = text;
        break;
    default:
        choice = -1;
    }
    return choice >= 0;
}

static bool
map_parse(struct map_options *options, int argc, char **argv)
{
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'},
        {"file", required_argument, NULL, 'f'},
        {"by", required_argument, NULL, 'b'},
        {"ascii", no_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    bool format_given = false;
    int option;

    *options = (struct map_options){.by = MAP_BY_FILL};
    options->format = command_json_by_default() ? MAP_FORMAT_JSON : MAP_FORMAT_TABLE;
    optind = 0; // begin anew: main() has used getopt already
    while ((option = getopt_long(argc, argv, ":o:", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            command_refuse_option(option, "map", argv, long_options);
            return false;
        }
        if (!map_option(options, option, optarg)) {
            return false;
        }
        format_given = format_given || option == 'o';
    }
    if (!format_given) {
        map_format_of_file(options);
    }
    if (optind == argc) {
        fputs("apexctl: which process? map takes its number\n", stderr);
        return false;
    }
    if (optind + 1 < argc) {
        return command_unexpected(argv[optind + 1]) == EXIT_OK;
    }
    return command_pid(argv[optind], &options->pid);
}

// --- Asking --------------------------------------------------------------------------------------

static cJSON *
map_params(uint64_t pid, uint64_t from)
{
    cJSON *params = cJSON_CreateObject();

    message_add_u64(params, "pid", pid);
    message_add_u64(params, "from", from);
    return params;
}

// Moves the superblocks of `part` to the end of those of `whole`.
static void
map_join(cJSON *whole, cJSON *part)
{
    cJSON *to = cJSON_GetObjectItemCaseSensitive(whole, "superblocks");
    cJSON *from = cJSON_GetObjectItemCaseSensitive(part, "superblocks");

    while (cJSON_GetArraySize(from) != 0) {
        cJSON *item = cJSON_DetachItemFromArray(from, 0);
        if (!cJSON_AddItemToArray(to, item)) {
            cJSON_Delete(item);
        }
    }
    cJSON_DeleteItemFromObjectCaseSensitive(whole, "next");
}

// The whole map as one answer: free it with call_reply_free(). EXIT_OK, or after a line on stderr.
static enum exit_code
map_ask(struct call *call, uint64_t pid, struct call_reply *whole)
{
    enum exit_code code = call_ask(call, METHOD_map, map_params(pid, 0), whole);
    const cJSON *next =
        code == EXIT_OK ? cJSON_GetObjectItemCaseSensitive(whole->answer.result, "next") : NULL;
    double from = cJSON_IsNumber(next) ? next->valuedouble : 0;

    for (unsigned parts = 1; from > 0 && parts < PARTS_MAX; parts++) {
        struct call_reply part;
        if (isatty(STDERR_FILENO)) {
            fprintf(stderr, "\rapexctl: %u superblocks read", parts * 4096);
        }
        code = call_ask(call, METHOD_map, map_params(pid, (uint64_t)from), &part);
        if (code != EXIT_OK) {
            call_reply_free(whole);
            return code;
        }
        next = cJSON_GetObjectItemCaseSensitive(part.answer.result, "next");
        from = cJSON_IsNumber(next) ? next->valuedouble : 0;
        // Both are ours, and no longer what came over the wire.
        map_join((cJSON *)(uintptr_t)whole->answer.result, (cJSON *)(uintptr_t)part.answer.result);
        whole->raw = NULL;
        call_reply_free(&part);
        if (from <= 0 && isatty(STDERR_FILENO)) {
            fputs("\r\033[K", stderr);
        }
    }
    return code;
}

// --- Drawing -------------------------------------------------------------------------------------

static unsigned
map_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
        return size.ws_col;
    }
    long wanted = columns == NULL ? 0 : strtol(columns, NULL, 10);
    return wanted > 0 && wanted < 10000 ? (unsigned)wanted : WIDTH_USUAL;
}

static struct map_look
map_look(const struct map_options *options)
{
    setlocale(LC_CTYPE, "");
    return (struct map_look){
        .by = options->by,
        .width = map_width(),
        .unicode = !options->ascii && strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .colour = options->file == NULL && style_of(STDOUT_FILENO).colours,
    };
}

static bool
map_put_json(FILE *out, const struct call_reply *reply)
{
    char *text = reply->raw != NULL ? NULL : cJSON_PrintUnformatted(reply->answer.result);

    if (reply->raw != NULL) {
        fwrite(reply->raw, 1, reply->raw_bytes, out);
    } else if (text != NULL) {
        fputs(text, out);
    } else {
        return false;
    }
    fputc('\n', out);
    free(text);
    return true;
}

static bool
map_put(FILE *out, const struct map_options *options, const struct call_reply *reply)
{
    struct map_look look = map_look(options);

    if (options->format == MAP_FORMAT_JSON) {
        return map_put_json(out, reply);
    }
    struct map *map = map_new(reply->answer.result);
    bool good = map != NULL && map_add(map, reply->answer.result);
    if (good) {
        map_finish(map);
        switch (options->format) {
        case MAP_FORMAT_SVG:
            map_svg(out, map, look.by);
            break;
        case MAP_FORMAT_HTML:
            map_html(out, map);
            break;
        default:
            map_text(out, map, &look);
        }
    }
    map_free(map);
    return good;
}

static enum exit_code
map_write(const struct map_options *options, const struct call_reply *reply)
{
    FILE *out = options->file == NULL ? stdout : fopen(options->file, "we");

    if (out == NULL) {
        fprintf(stderr, "apexctl: cannot write %s: %s\n", options->file, strerror(errno));
        return EXIT_OTHER;
    }
    bool good = map_put(out, options, reply);
    if (!good) {
        fputs("apexctl: short of memory\n", stderr);
    }
    bool written = fflush(out) == 0 && ferror(out) == 0;
    if (out != stdout) {
        written = fclose(out) == 0 && written;
        if (!written) {
            fprintf(stderr, "apexctl: cannot write %s\n", options->file);
        }
    }
    return good && written ? EXIT_OK : EXIT_OTHER;
}

enum exit_code
command_map(const char *runtime_dir, int argc, char **argv)
{
    struct map_options options;
    struct call_reply reply;
    struct call call;

    if (!map_parse(&options, argc, argv)) {
        return EXIT_USAGE;
    }
    enum exit_code code = call_open(&call, runtime_dir);
    if (code != EXIT_OK) {
        return code;
    }
    code = map_ask(&call, options.pid, &reply);
    call_close(&call);
    if (code == EXIT_OK) {
        code = map_write(&options, &reply);
        call_reply_free(&reply);
    }
    return code;
}
