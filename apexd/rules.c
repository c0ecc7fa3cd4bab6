// SPDX-License-Identifier: MIT
//
// Reads, applies and writes the rules; see rules.h. The file is replaced as a whole, by rename, so
// that whoever reads it, and whatever fails, finds the old one or the new one.

#include "apexd/rules.h"

#include "apexd/log.h"
#include "apexd/proto/message.h"
#include "apexd/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1 << 20)
#define SETTING_BYTES 256

static const char *const match_keys[] = {"comm", "exe", "uid", "cgroup"};

// --- The file ------------------------------------------------------------------------------------

// The text of the file, NULL with errno. ENOENT: there is none.
static char *
rules_read(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return NULL;
    }
    // Who may write to it decides what happens in processes of all users.
    int error = fstat(fd, &status) != 0                                ? errno
                : !S_ISREG(status.st_mode)                             ? EINVAL
                : (status.st_mode & 022) != 0                          ? EPERM
                : !trust_uid(status.st_uid) ? EPERM
                : status.st_size > FILE_BYTES_MAX                      ? EFBIG
                                                                       : 0;
    char *text = error != 0 ? NULL : malloc((size_t)status.st_size + 1);
    ssize_t got = text == NULL ? -1 : read(fd, text, (size_t)status.st_size);
    if (got < 0) {
        error = error != 0 ? error : errno;
        free(text);
        text = NULL;
    } else {
        text[got] = '\0';
    }
    close(fd);
    errno = error;
    return text;
}

// The line that an offset of a text is in.
static unsigned
rules_line(const char *text, const char *at)
{
    unsigned line = 1;

    for (; text < at; text++) {
        line += *text == '\n' ? 1 : 0;
    }
    return line;
}

static bool
rules_is_match_key(const char *key)
{
    for (unsigned i = 0; i < sizeof match_keys / sizeof match_keys[0]; i++) {
        if (strcmp(match_keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static bool
rules_is_numa(const cJSON *numa, const char *word)
{
    return cJSON_IsString(numa) && strcmp(numa->valuestring, word) == 0;
}

// Static text that says what is wrong with one rule, or NULL.
static const char *
rules_check_rule(const cJSON *rule)
{
    const cJSON *match = cJSON_GetObjectItemCaseSensitive(rule, "match");
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(rule, "options");
    const cJSON *numa = cJSON_GetObjectItemCaseSensitive(rule, "numa");
    const cJSON *item;

    if (!cJSON_IsObject(match) || match->child == NULL) {
        return "needs \"match\", an object with comm, exe, uid or cgroup";
    }
    if (!cJSON_IsObject(options)) {
        return "needs \"options\", an object";
    }
    if (numa != NULL && !rules_is_numa(numa, "act") && !rules_is_numa(numa, "advise")) {
        return "has a \"numa\" that is neither act nor advise";
    }
    cJSON_ArrayForEach(item, match)
    {
        bool is_uid = strcmp(item->string, "uid") == 0;
        if (!rules_is_match_key(item->string)) {
            return "can match by comm, exe, uid and cgroup only";
        }
        if (is_uid ? !cJSON_IsNumber(item) : !cJSON_IsString(item)) {
            return is_uid ? "has a uid that is no number" : "has a match that is no text";
        }
    }
    cJSON_ArrayForEach(item, options)
    {
        if (!cJSON_IsString(item) && !cJSON_IsNumber(item) && !cJSON_IsBool(item)) {
            return "has an option that is neither text nor number";
        }
    }
    return NULL;
}

// The same for the file.
static bool
rules_check(const cJSON *root, const char *path, char why[RULES_WHY_BYTES])
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(root, "version");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "rules");
    const cJSON *rule;
    unsigned number = 0;

    if (!cJSON_IsNumber(version) || version->valuedouble != 1) {
        snprintf(why, RULES_WHY_BYTES, "%.128s: \"version\" is not 1", path);
        return false;
    }
    if (list != NULL && !cJSON_IsArray(list)) {
        snprintf(why, RULES_WHY_BYTES, "%.128s: \"rules\" is no array", path);
        return false;
    }
    cJSON_ArrayForEach(rule, list)
    {
        const char *wrong = rules_check_rule(rule);
        number++;
        if (wrong != NULL) {
            snprintf(why, RULES_WHY_BYTES, "%.128s: rule %u %s", path, number, wrong);
            return false;
        }
    }
    return true;
}

// Members that mean nothing to us may be somebody's comments, or misspelt.
static void
rules_warn(const cJSON *object, const char *const known[3], const char *path, const char *where)
{
    char name[64];
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        unsigned i = 0;
        while (i < 3 && strcmp(known[i], item->string) != 0) {
            i++;
        }
        if (i == 3) {
            message_clean(name, sizeof name, item->string, strlen(item->string));
            log_event(LOG_LEVEL_WARNING, "%s: apexd knows no member \"%s\" of %s, and ignores it",
                      path, name, where);
        }
    }
}

static void
rules_warn_all(const cJSON *root, const char *path)
{
    static const char *const of_file[3] = {"version", "rules", ""};
    static const char *const of_rule[3] = {"match", "options", "numa"};
    const cJSON *rule;

    rules_warn(root, of_file, path, "the file");
    cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(root, "rules"))
    {
        rules_warn(rule, of_rule, path, "a rule");
    }
}

static cJSON *
rules_empty(void)
{
    cJSON *root = cJSON_CreateObject();

    if (cJSON_AddNumberToObject(root, "version", 1) == NULL ||
        cJSON_AddArrayToObject(root, "rules") == NULL) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

static cJSON *
rules_parse(const char *path, char why[RULES_WHY_BYTES])
{
    const char *end = NULL;
    char *text = rules_read(path);

    if (text == NULL && errno == ENOENT) {
        cJSON *root = rules_empty();
        snprintf(why, RULES_WHY_BYTES, "short of memory");
        return root;
    }
    if (text == NULL) {
        snprintf(why, RULES_WHY_BYTES, "%.128s: %s", path,
                 errno == EPERM    ? "somebody else may write to it"
                 : errno == EINVAL ? "it is no plain file"
                                   : strerror(errno));
        return NULL;
    }
    cJSON *root = cJSON_ParseWithOpts(text, &end, true);
    if (root == NULL) {
        snprintf(why, RULES_WHY_BYTES, "%.128s: line %u: this is no JSON", path,
                 rules_line(text, end));
    } else if (!rules_check(root, path, why)) {
        cJSON_Delete(root);
        root = NULL;
    }
    free(text);
    return root;
}

bool
rules_load(struct rules *rules, const char *path, char why[RULES_WHY_BYTES])
{
    if (strlen(path) >= sizeof rules->path) {
        snprintf(why, RULES_WHY_BYTES, "the name of the file with the rules is too long");
        return false;
    }
    cJSON *root = rules_parse(path, why);
    if (root == NULL) {
        return false;
    }
    rules_warn_all(root, path);
    cJSON_Delete(rules->root);
    rules->root = root;
    memmove(rules->path, path, strlen(path) + 1); // it may be the same
    return true;
}

// The folder for the file, if that alone is missing.
static void
rules_make_folder(const char *path)
{
    char folder[RULES_PATH_MAX];

    snprintf(folder, sizeof folder, "%s", path);
    mkdir(dirname(folder), 0755); // if that was not it, opening the file says what is wrong
}

// Writes a new file beside the old one and puts it into its place. A link stays: the file that it
// leads to is replaced.
static bool
rules_save(const struct rules *rules, const cJSON *root)
{
    char old[PATH_MAX];
    char path[PATH_MAX + 8];
    char *text = cJSON_Print(root);
    bool good = false;

    rules_make_folder(rules->path);
    if (realpath(rules->path, old) == NULL) {
        snprintf(old, sizeof old, "%s", rules->path);
    }
    snprintf(path, sizeof path, "%s.XXXXXX", old);
    int fd = text == NULL ? -1 : mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        size_t length = strlen(text);
        text[length] = '\n'; // in the place of the NUL
        good = write(fd, text, length + 1) == (ssize_t)(length + 1) && fchmod(fd, 0644) == 0 &&
               fsync(fd) == 0;
        close(fd);
        good = good && rename(path, old) == 0;
        if (!good) {
            int error = errno;
            unlink(path);
            errno = error;
        }
    }
    free(text);
    return good;
}

// --- Matching ------------------------------------------------------------------------------------

static bool
rules_match_one(const cJSON *item, const struct client *client)
{
    char text[CLIENT_TEXT_BYTES];

    if (strcmp(item->string, "uid") == 0) {
        return item->valuedouble == (double)client->peer.uid;
    }
    if (strcmp(item->string, "comm") == 0) {
        return strncmp(item->valuestring, client->map.comm, sizeof client->map.comm) == 0;
    }
    if (strcmp(item->string, "exe") == 0) {
        return client_exe(client, text) && strcmp(item->valuestring, text) == 0;
    }
    // A control group is that one, or one inside it.
    size_t length = strlen(item->valuestring);
    return client_cgroup(client, text) && strncmp(item->valuestring, text, length) == 0 &&
           (text[length] == '\0' || text[length] == '/' ||
            (length > 0 && item->valuestring[length - 1] == '/'));
}

bool
rules_match(const cJSON *match, const struct client *client)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, match)
    {
        if (!rules_match_one(item, client)) {
            return false;
        }
    }
    return true;
}

// Adds one `key=value` to the object.
static bool
rules_match_add(cJSON *match, char *entry, char why[RULES_WHY_BYTES])
{
    char *equals = strchr(entry, '=');
    char *end;

    if (equals == NULL || equals == entry || equals[1] == '\0') {
        snprintf(why, RULES_WHY_BYTES, "a match is key=value");
        return false;
    }
    *equals = '\0';
    if (!rules_is_match_key(entry)) {
        snprintf(why, RULES_WHY_BYTES, "one can match by comm, exe, uid and cgroup only");
        return false;
    }
    if (cJSON_HasObjectItem(match, entry)) {
        snprintf(why, RULES_WHY_BYTES, "%s is there twice", entry);
        return false;
    }
    if (strcmp(entry, "uid") == 0) {
        unsigned long uid = strtoul(equals + 1, &end, 10);
        if (equals[1] < '0' || equals[1] > '9' || *end != '\0' || uid > UINT32_MAX) {
            snprintf(why, RULES_WHY_BYTES, "a uid is a number");
            return false;
        }
        return cJSON_AddNumberToObject(match, entry, (double)uid) != NULL;
    }
    return cJSON_AddStringToObject(match, entry, equals + 1) != NULL;
}

cJSON *
rules_match_of(const char *text, char why[RULES_WHY_BYTES])
{
    cJSON *match = cJSON_CreateObject();
    char *copy = strdup(text);
    char *rest = copy;
    bool good = match != NULL && copy != NULL;

    snprintf(why, RULES_WHY_BYTES, "short of memory");
    for (char *entry = strsep(&rest, ","); entry != NULL && good; entry = strsep(&rest, ",")) {
        good = rules_match_add(match, entry, why);
    }
    free(copy);
    if (!good) {
        cJSON_Delete(match);
        return NULL;
    }
    return match;
}

// --- Applying ------------------------------------------------------------------------------------

// `key=value` of one option of a rule.
static void
rules_setting(const cJSON *item, char out[SETTING_BYTES])
{
    if (cJSON_IsString(item)) {
        snprintf(out, SETTING_BYTES, "%s=%s", item->string, item->valuestring);
    } else if (cJSON_IsBool(item)) {
        snprintf(out, SETTING_BYTES, "%s=%d", item->string, cJSON_IsTrue(item) ? 1 : 0);
    } else {
        snprintf(out, SETTING_BYTES, "%s=%.0f", item->string, item->valuedouble);
    }
}

static void
rules_apply_rule(const cJSON *rule, struct client *client, const struct page_option *option,
                 unsigned options)
{
    const cJSON *item;
    char setting[SETTING_BYTES];
    char why[TUNE_WHY_BYTES];
    struct tune wanted;
    const cJSON *numa = cJSON_GetObjectItemCaseSensitive(rule, "numa");

    client->numa_act = numa == NULL ? client->numa_act : rules_is_numa(numa, "act");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(rule, "options"))
    {
        rules_setting(item, setting);
        if (tune_parse(option, options, setting, false, &wanted, why)) {
            tune_set(&client->tune, TUNE_RULE, wanted.value[0].key, wanted.value[0].value);
        } else {
            log_event(LOG_LEVEL_WARNING, "a rule asks of process %d what it cannot do: %s",
                      (int)client->peer.pid, why);
        }
    }
}

void
rules_apply(const struct rules *rules, struct client *client)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    unsigned options = page_map_options(&client->map, option);
    const cJSON *rule;

    tune_clear(&client->tune, TUNE_RULE, NULL);
    client->numa_act = false;
    cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(rules->root, "rules"))
    {
        if (rules_match(cJSON_GetObjectItemCaseSensitive(rule, "match"), client)) {
            rules_apply_rule(rule, client, option, options);
        }
    }
    tune_advise(&client->tune, &client->advice);
}

// --- Changing ------------------------------------------------------------------------------------

// The rule with this very match; made, if there is none and `make`.
static cJSON *
rules_find(cJSON *root, const cJSON *match, bool make)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "rules");
    cJSON *rule;

    cJSON_ArrayForEach(rule, list)
    {
        if (cJSON_Compare(cJSON_GetObjectItemCaseSensitive(rule, "match"), match, true)) {
            return rule;
        }
    }
    if (!make) {
        return NULL;
    }
    list = list == NULL ? cJSON_AddArrayToObject(root, "rules") : list;
    rule = cJSON_CreateObject();
    cJSON *copy = cJSON_Duplicate(match, true);
    if (!cJSON_AddItemToObject(rule, "match", copy)) {
        cJSON_Delete(copy);
        cJSON_Delete(rule);
        return NULL;
    }
    if (cJSON_AddObjectToObject(rule, "options") == NULL || !cJSON_AddItemToArray(list, rule)) {
        cJSON_Delete(rule);
        return NULL;
    }
    return rule;
}

// `settings` is key=value,… that tune_parse has accepted, or key,… to remove.
static bool
rules_change(cJSON *root, const cJSON *match, const char *settings, bool remove)
{
    cJSON *rule = rules_find(root, match, !remove);
    cJSON *options = cJSON_GetObjectItemCaseSensitive(rule, "options");
    char *copy = strdup(settings);
    char *rest = copy;
    bool good = copy != NULL && (rule != NULL || remove);

    for (char *entry = strsep(&rest, ","); entry != NULL && good && rule != NULL;
         entry = strsep(&rest, ",")) {
        char *equals = strchr(entry, '=');
        if (equals != NULL) {
            *equals = '\0';
        }
        cJSON_DeleteItemFromObjectCaseSensitive(options, entry);
        if (!remove && equals != NULL) {
            good = cJSON_AddStringToObject(options, entry, equals + 1) != NULL;
        }
    }
    if (rule != NULL && options->child == NULL && !cJSON_HasObjectItem(rule, "numa")) {
        cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "rules");
        cJSON_Delete(cJSON_DetachItemViaPointer(list, rule));
    }
    free(copy);
    return good;
}

bool
rules_persist(struct rules *rules, const cJSON *match, const char *settings, bool remove,
              char why[RULES_WHY_BYTES])
{
    char path[RULES_PATH_MAX];

    if (rules->path[0] == '\0') {
        snprintf(why, RULES_WHY_BYTES, "this daemon was not told where its rules are: --config");
        return false;
    }
    // Somebody may have edited the file meanwhile: what is there is what is changed.
    memcpy(path, rules->path, sizeof path);
    cJSON *root = rules_parse(path, why);
    if (root == NULL) {
        return false;
    }
    if (!rules_change(root, match, settings, remove)) {
        snprintf(why, RULES_WHY_BYTES, "short of memory");
        cJSON_Delete(root);
        return false;
    }
    if (!rules_save(rules, root)) {
        snprintf(why, RULES_WHY_BYTES, "%.128s cannot be written: %s", rules->path,
                 strerror(errno));
        cJSON_Delete(root);
        return false;
    }
    cJSON_Delete(rules->root);
    rules->root = root;
    return true;
}

cJSON *
rules_list(const struct rules *rules)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(rules->root, "rules");
    return list == NULL ? cJSON_CreateArray() : cJSON_Duplicate(list, true);
}

void
rules_free(struct rules *rules)
{
    cJSON_Delete(rules->root);
    rules->root = NULL;
}
