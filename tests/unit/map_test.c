// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/map.c, map_text.c, map_svg.c, map_html.c and render_frag.c: a map of two
// superblocks drawn in every way and held against golden files (tests/golden/map.json in,
// map_*.txt out; frag.json and frag.txt), and daemons that answer nonsense. Reason: people look for
// waste in these pictures; and what a daemon says may be a stranger's text.
//
//   RENDER_UPDATE=1 map_test     writes the files instead

#include "apexctl/map.h"
#include "apexctl/map_html.h"
#include "apexctl/map_svg.h"
#include "apexctl/map_text.h"
#include "apexctl/render_frag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX 262144

static FILE *
golden(const char *name, const char *mode)
{
    char path[512];
    const char *top = getenv("top_srcdir");

    snprintf(path, sizeof path, "%s/tests/golden/%s", top == NULL ? "." : top, name);
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    return file;
}

static char *
slurp(const char *name)
{
    char *text = calloc(1, FILE_BYTES_MAX);
    FILE *file = golden(name, "r");

    assert_true(fread(text, 1, FILE_BYTES_MAX - 1, file) < FILE_BYTES_MAX - 1);
    fclose(file);
    return text;
}

// Closes `out`, which wrote `text`, and compares.
static void
expect_golden(const char *name, FILE *out, char **text)
{
    fclose(out);
    if (getenv("RENDER_UPDATE") != NULL) {
        FILE *file = golden(name, "w");
        fputs(*text, file);
        fclose(file);
    }
    char *wanted = slurp(name);
    assert_string_equal(*text, wanted);
    free(wanted);
    free(*text);
}

static struct map *
map_of(const char *json)
{
    cJSON *result = cJSON_Parse(json);
    struct map *map = map_new(result);

    if (map != NULL) {
        assert_true(map_add(map, result));
        map_finish(map);
    }
    cJSON_Delete(result);
    return map;
}

static struct map *
golden_map(void)
{
    char *json = slurp("map.json");
    struct map *map = map_of(json);

    free(json);
    assert_non_null(map);
    return map;
}

static void
test_model(void **state)
{
    struct map *map = golden_map();
    struct map_sums sums;

    (void)state;
    assert_int_equal(map->count, 2);
    assert_true(map->superblock[0].base < map->superblock[1].base); // they came the other way round
    const struct map_block *run = &map->superblock[0].block[8];
    assert_int_equal(run->run, 4);
    assert_int_equal(run[3].place, 3);
    assert_int_equal(run[3].class, run->class);
    assert_int_equal(map_capacity(map, run), 4 * 65536 / 32768);
    assert_int_equal(map_live(map, run), 4);
    map_sum(map, &sums);
    uint64_t all = 0;
    for (unsigned i = 0; i < MAP_STATE_COUNT; i++) {
        all += sums.state_bytes[i];
    }
    assert_int_equal(all, 2 * MAP_BLOCKS * 65536);
    assert_int_equal(sums.large_live, 1);
    map_free(map);
}

static void
test_text(void **state)
{
    static const struct {
        const char *name;
        struct map_look look;
    } cases[] = {
        {"map_fill_ascii.txt", {MAP_BY_FILL, 80, false, false}},
        {"map_fill.txt", {MAP_BY_FILL, 80, true, false}},
        {"map_class.txt", {MAP_BY_CLASS, 80, true, false}},
        {"map_owner_narrow.txt", {MAP_BY_OWNER, 50, false, false}},
        {"map_class_colour.txt", {MAP_BY_CLASS, 80, true, true}},
        {"map_owner_colour_ascii.txt", {MAP_BY_OWNER, 80, false, true}},
        {"map_tiny.txt", {MAP_BY_FILL, 1, false, false}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct map *map = golden_map();
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        map_text(out, map, &cases[i].look);
        expect_golden(cases[i].name, out, &text);
        map_free(map);
    }
}

static void
test_svg(void **state)
{
    struct map *map = golden_map();
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    map_svg(out, map, MAP_BY_CLASS);
    expect_golden("map.svg", out, &text);
    map_free(map);
}

static void
test_frag(void **state)
{
    char *json = slurp("frag.json");
    cJSON *result = cJSON_Parse(json);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    assert_non_null(result);
    render_frag(out, result);
    expect_golden("frag.txt", out, &text);
    cJSON_Delete(result);
    free(json);
}

// The page is whole, fetches nothing, and a program's name cannot end the data or begin a tag.
static void
test_html(void **state)
{
    struct map *map = map_of("{\"comm\":\"</script><img src=x>&\\\"\\\\\\u0001\",\"pid\":7}");
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    assert_non_null(map);
    map_html(out, map);
    fclose(out);
    map_free(map);
    assert_null(strstr(text, "APEX_MAP_DATA\n"));
    assert_null(strstr(text, "<img"));
    assert_non_null(strstr(text, "\"comm\":\"\\u003c/script\\u003e\\u003cimg src=x\\u003e\\u0026"));
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "https://"));
    assert_non_null(strstr(text, "</html>\n"));
    char *data = strstr(text, "id=\"data\">\n") + strlen("id=\"data\">\n");
    *strstr(data, "</script>") = '\0';
    cJSON *parsed = cJSON_Parse(data);
    assert_non_null(parsed);
    assert_int_equal(cJSON_GetObjectItem(parsed, "pid")->valueint, 7);
    cJSON_Delete(parsed);
    free(text);
}

// A daemon of another version may leave anything out, or say it in another way.
static void
test_anything_goes(void **state)
{
    static const char *const results[] = {
        "{}",
        "{\"superblocks\":7,\"large\":{},\"states\":[],\"class_bytes\":[-1,1e300,\"x\"]}",
        "{\"superblocks\":[{},7,null,{\"base\":-1,\"blocks\":\"xy\"}],\"large\":[{},7]}",
        "{\"owners\":[{\"slot\":1e9},{\"slot\":-1},7],\"block_bytes\":1e18,\"comm\":7}",
    };
    struct map_look look = {MAP_BY_CLASS, 80, true, true};

    (void)state;
    assert_null(map_of("null"));
    assert_null(map_of("[]"));
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        struct map *map = map_of(results[i]);
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        assert_non_null(map);
        assert_int_equal(map->count, 0);
        for (look.by = MAP_BY_CLASS; look.by <= MAP_BY_OWNER; look.by++) {
            map_text(out, map, &look);
            map_svg(out, map, look.by);
        }
        map_html(out, map);
        cJSON *result = cJSON_Parse(results[i]);
        render_frag(out, result);
        cJSON_Delete(result);
        fclose(out);
        assert_true(length > 0);
        free(text);
        map_free(map);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_text),
        cmocka_unit_test(test_svg),   cmocka_unit_test(test_html),
        cmocka_unit_test(test_frag),  cmocka_unit_test(test_anything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
