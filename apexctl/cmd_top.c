// SPDX-License-Identifier: MIT
//
// apexctl top: all processes, again and again. On a terminal it is a screen with keys, which
// outlives the daemon; elsewhere, or when told so, tables or lines of JSON one after another.

#include "apexctl/call.h"
#include "apexctl/command.h"
#include "apexctl/hint.h"
#include "apexctl/render.h"
#include "apexctl/table.h"
#include "apexctl/top_ui.h"
#include "apexctl/value.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_WAIT_MS 2000 // keys wait as long
#define INTERVAL_MIN_S 0.1
#define INTERVAL_MAX_S 86400

struct top {
    const char *runtime_dir;
    struct call call;
    struct top_ui ui;
    bool without_counters; // the daemon is older than they are
    bool json;
    struct call_reply detail; // the last answer about the process that is looked at, if any
    unsigned count;           // of rounds; 0 without end
    unsigned round;
};

static double
top_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// --- Asking --------------------------------------------------------------------------------------

// All processes into the model.
static enum exit_code
top_ask(struct top *top)
{
    struct call_reply reply;
    cJSON *params = NULL;

    if (!top->without_counters) {
        params = cJSON_CreateObject();
        cJSON_AddTrueToObject(params, "counters");
    }
    enum exit_code code = call_ask(&top->call, METHOD_processes, params, &reply);
    if (code == EXIT_OTHER && !top->without_counters) {
        top->without_counters = true; // it may not know the word
        code = top_ask(top);
        top->without_counters = code == EXIT_OK; // or it was another matter
        return code;
    }
    if (code == EXIT_OK && !top_ui_update(&top->ui, reply.answer.result)) {
        snprintf(top->call.why, sizeof top->call.why, "the answer of apexd is none");
        code = EXIT_OTHER;
    }
    call_reply_free(&reply);
    return code;
}

// --- One after another ---------------------------------------------------------------------------

static void
top_print_table(const struct top_model *m)
{
    const char *titles[TOP_COLUMN_COUNT];
    char cell[TOP_CELL_BYTES];
    struct table t;

    for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
        titles[i] = top_columns[i].title;
    }
    table_init(&t, titles, TOP_COLUMN_COUNT);
    for (size_t r = 0; r < m->shown; r++) {
        for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
            table_text(&t, top_ui_cell(&m->row[r], (enum top_column)i, cell));
        }
    }
    table_print(&t, stdout);
}

// A rate has the name of its counter, with what makes it a rate at the end.
static void
top_add_value(cJSON *object, const struct top_row *row, unsigned column)
{
    const struct top_column_info *info = &top_columns[column];
    char name[TOP_CELL_BYTES];
    int stem = (int)(strlen(info->field) - strlen("_total"));

    if (info->kind == TOP_KIND_TEXT) {
        cJSON_AddStringToObject(object, info->field, row->comm);
    } else if (info->kind != TOP_KIND_RATE) {
        cJSON_AddNumberToObject(object, info->field, row->value[column]);
    } else {
        snprintf(name, sizeof name, "%.*s_per_s", stem, info->field);
        if (row->value[column] < 0) {
            cJSON_AddNullToObject(object, name);
        } else {
            cJSON_AddNumberToObject(object, name, row->value[column]);
        }
    }
}

static bool
top_print_json(const struct top_model *m)
{
    cJSON *root = cJSON_CreateObject();

    cJSON_AddStringToObject(root, "schema", "apexctl.top/1");
    cJSON_AddNumberToObject(root, "monotonic_ns", (double)m->monotonic_ns);
    cJSON_AddNumberToObject(root, "hidden", (double)m->hidden);
    cJSON *list = cJSON_AddArrayToObject(root, "processes");
    for (size_t r = 0; r < m->shown; r++) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "key", m->row[r].key);
        for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
            top_add_value(object, &m->row[r], i);
        }
        cJSON_AddItemToArray(list, object);
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text == NULL) {
        fputs("apexctl: short of memory\n", stderr);
        return false;
    }
    puts(text);
    cJSON_free(text);
    return true;
}

static void
top_sleep(double seconds)
{
    struct timespec pause = {.tv_sec = (time_t)seconds};

    pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
    nanosleep(&pause, NULL);
}

static enum exit_code
top_batch(struct top *top)
{
    enum exit_code code = EXIT_OK;

    while (code == EXIT_OK) {
        top->call.quiet = true; // an attempt may fail
        code = top_ask(top);
        if (code != EXIT_OK) {
            fprintf(stderr, "apexctl: %s\n", top->call.why);
            break;
        }
        if (top->json) {
            code = top_print_json(&top->ui.model) ? EXIT_OK : EXIT_OTHER;
        } else {
            fputs(top->round > 0 ? "\n" : "", stdout);
            top_print_table(&top->ui.model);
        }
        // Whoever reads our output may have gone.
        if (fflush(stdout) != 0) {
            code = EXIT_OTHER;
        }
        if (++top->round == top->count) {
            break;
        }
        top_sleep(top->ui.interval_s);
    }
    return code;
}

// --- On a screen ---------------------------------------------------------------------------------

static void
top_lost(struct top *top, enum exit_code code)
{
    char message[TOP_MESSAGE_BYTES];
    const char *dir = top->call.dir;

    call_close(&top->call);
    call_reply_free(&top->detail);
    if (code == EXIT_DENIED) {
        snprintf(message, sizeof message,
                 "not allowed to talk to apexd; it is for root and the group apex; trying again");
    } else {
        snprintf(message, sizeof message, "no apexd%s%s; trying again every %g s",
                 dir[0] == '\0' ? "" : " at ", dir, top->ui.interval_s);
    }
    top_ui_lost(&top->ui, message);
}

// What the detail view shows: the same as `apexctl stats PID`.
static enum exit_code
top_ask_detail(struct top *top)
{
    struct call_reply reply;
    char *text = NULL;
    size_t bytes = 0;
    cJSON *params = cJSON_CreateObject();

    message_add_u64(params, "pid", top->ui.detail_pid);
    enum exit_code code = call_ask(&top->call, METHOD_stats, params, &reply);
    if (code == EXIT_NO_DAEMON) {
        return code;
    }
    if (code != EXIT_OK) { // it has gone, or is not ours: the list goes on
        top->ui.view = TOP_VIEW_LIST;
        snprintf(top->ui.message, sizeof top->ui.message, "process %llu: %s",
                 (unsigned long long)top->ui.detail_pid, top->call.why);
        return EXIT_OK;
    }
    FILE *out = open_memstream(&text, &bytes);
    if (out != NULL) {
        const cJSON *before = top->detail.answer.result;
        bool same = value_u64(cJSON_GetObjectItemCaseSensitive(before, "process"), "pid") ==
                    top->ui.detail_pid;
        render_stats_since(out, reply.answer.result, same ? before : NULL);
        fclose(out);
    }
    top_ui_set_detail(&top->ui, text);
    call_reply_free(&top->detail);
    top->detail = reply;
    return EXIT_OK;
}

static void
top_refresh(struct top *top)
{
    char dir[CALL_PATH_BYTES];

    if (top->call.fd < 0) {
        snprintf(dir, sizeof dir, "%s", top->call.dir);
        enum exit_code code = call_open_quietly(&top->call, top->runtime_dir);
        if (code != EXIT_OK) {
            snprintf(top->call.dir, sizeof top->call.dir, "%s", dir);
            top_lost(top, code);
            return;
        }
        top->without_counters = false;
    }
    top->call.quiet = true;
    top->call.wait_ms = ANSWER_WAIT_MS;
    enum exit_code code = top_ask(top);
    if (code == EXIT_OK && top->ui.view == TOP_VIEW_DETAIL) {
        code = top_ask_detail(top);
    }
    if (code != EXIT_OK) {
        top_lost(top, code);
    }
}

static void
top_show(struct top *top)
{
    static struct screen_line line[SCREEN_ROWS_MAX];
    time_t now = time(NULL);
    struct tm parts;
    char clock[16];
    unsigned columns;
    unsigned rows;

    screen_size(&columns, &rows);
    columns = columns < SCREEN_LINE_BYTES / 4 ? columns : SCREEN_LINE_BYTES / 4;
    localtime_r(&now, &parts);
    strftime(clock, sizeof clock, "%H:%M:%S", &parts);
    top_ui_draw(&top->ui, clock, columns, rows, line);
    screen_draw(line, rows);
}

// Until a key or a signal ends it, or the rounds are over.
static void
top_interact(struct top *top)
{
    enum top_action action = TOP_REFRESH;
    double next_s = 0;
    unsigned columns;
    unsigned rows;

    while (action != TOP_QUIT) {
        double now_s = top_now_s();
        if (action == TOP_REFRESH || (!top->ui.paused && now_s >= next_s)) {
            if (top->count != 0 && top->round == top->count) {
                return;
            }
            top_refresh(top);
            top->round++;
            now_s = top_now_s();
            next_s = now_s + top->ui.interval_s;
        }
        top_show(top);
        // A shorter interval counts at once.
        next_s = fmin(next_s, now_s + top->ui.interval_s);
        double wait_s = top->ui.paused ? 3600 : fmax(next_s - now_s, 0);
        int key = screen_key((unsigned)ceil(wait_s * 1000));
        if (key == SCREEN_ENDED) {
            return;
        }
        screen_size(&columns, &rows);
        action = key == SCREEN_NOTHING || key == SCREEN_RESIZED ? TOP_NOTHING
                                                                : top_ui_key(&top->ui, key, rows);
    }
}

static enum exit_code
top_live(struct top *top)
{
    setlocale(LC_CTYPE, "");
    table_set_style((struct style){.columns = 0}); // the screen has styles of its own
    if (!screen_open(style_of(STDOUT_FILENO).colours)) {
        return EXIT_OTHER;
    }
    top_interact(top);
    screen_close();
    int number = screen_signal();
    if (number != 0 && number != SIGINT) { // end as it asked for
        sigset_t one;
        signal(number, SIG_DFL);
        sigemptyset(&one);
        sigaddset(&one, number);
        sigprocmask(SIG_UNBLOCK, &one, NULL);
        raise(number);
    }
    return EXIT_OK;
}

// --- The command line ----------------------------------------------------------------------------

static bool
top_set_sort(struct top_ui *ui, const char *word)
{
    const char *words[TOP_COLUMN_COUNT];
    enum top_column column;

    if (top_model_column(word, &column)) {
        top_model_sort(&ui->model, column, false);
        return true;
    }
    for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
        words[i] = top_columns[i].word;
    }
    fprintf(stderr, "apexctl: top cannot sort by %s", word);
    command_end_with_hint(hint_nearest(word, words, TOP_COLUMN_COUNT), "");
    return false;
}

static bool
top_set_interval(struct top_ui *ui, const char *text)
{
    char *end;

    errno = 0;
    double seconds = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' ||
        !(seconds >= INTERVAL_MIN_S && seconds <= INTERVAL_MAX_S)) {
        fprintf(stderr, "apexctl: not a number of seconds from %g to %d: %s\n", INTERVAL_MIN_S,
                INTERVAL_MAX_S, text);
        return false;
    }
    ui->interval_s = seconds;
    return true;
}

// False after a line on stderr.
static bool
top_options(struct top *top, bool *batch, int argc, char **argv)
{
    enum { SORT = 256, INTERVAL, COUNT, FILTER };
    static const struct option options[] = {
        {"batch", no_argument, NULL, 'b'},
        {"output", required_argument, NULL, 'o'},
        {"sort", required_argument, NULL, SORT},
        {"interval", required_argument, NULL, INTERVAL},
        {"count", required_argument, NULL, COUNT},
        {"filter", required_argument, NULL, FILTER},
        {NULL, 0, NULL, 0},
    };
    int option;
    bool good = true;

    optind = 0;
    while (good && (option = getopt_long(argc, argv, ":bo:", options, NULL)) != -1) {
        switch (option) {
        case 'b':
            *batch = true;
            break;
        case 'o':
            good = command_output(optarg, &top->json);
            break;
        case SORT:
            good = top_set_sort(&top->ui, optarg);
            break;
        case INTERVAL:
            good = top_set_interval(&top->ui, optarg);
            break;
        case COUNT:
            good = command_number(optarg, 1, &top->count);
            break;
        case FILTER:
            top_model_filter(&top->ui.model, optarg);
            break;
        default:
            command_refuse_option(option, argv[0], argv, options);
            good = false;
        }
    }
    return good && (optind == argc || command_unexpected(argv[optind]) == EXIT_OK);
}

enum exit_code
command_top(const char *runtime_dir, int argc, char **argv)
{
    struct top top = {.runtime_dir = runtime_dir, .json = command_json_by_default()};
    bool batch = false;

    top_ui_init(&top.ui);
    if (!top_options(&top, &batch, argc, argv)) {
        return EXIT_USAGE;
    }
    enum exit_code code = call_open(&top.call, runtime_dir);
    if (code == EXIT_OK) {
        code = batch || top.json || !screen_is_possible() ? top_batch(&top) : top_live(&top);
    }
    call_reply_free(&top.detail);
    call_close(&top.call);
    top_ui_free(&top.ui);
    return code;
}
