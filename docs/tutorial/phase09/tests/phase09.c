// SPDX-License-Identifier: MIT
//
// Phase IX: what the heap says of itself is what the test has allocated.

#include "test.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

enum { OBJECTS = 600, QUARANTINE_MAX = 64 };

// As in tiny.h, which the phases before do not have all of.
struct tiny_stats {
    size_t objects, object_bytes, block_bytes, dirty_bytes, mapped_bytes;
};

typedef void tiny_visit(void *object, size_t bytes, void *argument);

void tiny_stats(struct tiny_stats *out) __attribute__((weak));
void tiny_walk(tiny_visit *visit, void *argument) __attribute__((weak));
void tiny_page(int fd) __attribute__((weak));

static struct {
    char *object;
    size_t usable;
    int seen;
} mine[OBJECTS];

struct walked {
    size_t objects;
    size_t wrong; // mine, but of another size
};

static void
test_visit(void *object, size_t bytes, void *argument)
{
    struct walked *walked = argument;

    walked->objects++;
    for (int i = 0; i < OBJECTS; i++) {
        if (mine[i].object == object) {
            mine[i].seen++;
            walked->wrong += bytes == mine[i].usable ? 0 : 1;
        }
    }
}

static struct walked
test_walk(void)
{
    struct walked walked = {0, 0};

    for (int i = 0; i < OBJECTS; i++) {
        mine[i].seen = 0;
    }
    tiny_walk(test_visit, &walked);
    return walked;
}

// Objects of every kind: chunks of all classes, runs, and large ones.
static void
test_allocate(void)
{
    for (int i = 0; i < OBJECTS; i++) {
        size_t bytes = i % 100 == 99 ? 5000000 : i % 10 == 9 ? 70000 : 1 + (size_t)i * 27;
        mine[i].object = malloc(bytes);
        require(mine[i].object != NULL, "no memory");
        mine[i].usable = malloc_usable_size(mine[i].object);
    }
}

static void
test_objects(void)
{
    struct walked walked = test_walk();

    require(walked.wrong == 0, "%zu objects are shown with a wrong size", walked.wrong);
    for (int i = 0; i < OBJECTS; i++) {
        require(mine[i].seen == 1, "an object of %zu bytes is met %d times", mine[i].usable,
                mine[i].seen);
    }
    for (int i = 0; i < OBJECTS; i += 2) {
        free(mine[i].object);
    }
    test_walk();
    for (int i = 0; i < OBJECTS; i++) {
        require(mine[i].seen == i % 2, "a %s object of %zu bytes is met %d times",
                i % 2 == 0 ? "freed" : "live", mine[i].usable, mine[i].seen);
    }
    show("a walk meets each live object once, and no other");
}

static void
test_figures(void)
{
    struct tiny_stats before, after;
    size_t bytes = 0;

    for (int i = 1; i < OBJECTS; i += 2) {
        bytes += mine[i].usable;
    }
    tiny_stats(&before);
    size_t walked = test_walk().objects;
    require(before.objects >= walked && before.objects <= walked + QUARANTINE_MAX,
            "%zu objects are counted, and %zu met", before.objects, walked);
    require(before.object_bytes >= bytes && before.object_bytes <= before.block_bytes &&
                before.block_bytes + before.dirty_bytes <= before.mapped_bytes,
            "the figures contradict each other");
    char *large = malloc(30000000);
    tiny_stats(&after);
    require(after.objects == before.objects + 1 &&
                after.object_bytes == before.object_bytes + malloc_usable_size(large),
            "a large object is not counted");
    free(large);
    show("the figures agree with what was allocated");
}

static void
test_page(void)
{
    static char text[4 << 20];
    FILE *file = tmpfile();
    size_t squares = 0;

    tiny_page(fileno(file));
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    for (const char *at = text; (at = strstr(at, "<rect")) != NULL; at++) {
        squares++;
    }
    require(squares >= 64 && squares % 64 == 0, "the page has %zu squares", squares);
    require(strstr(text, " objects of 112 bytes</title>") != NULL, "the page has no figures");
    require(strstr(text, "A large object of 4884 KiB") != NULL, "the page has no large objects");
    show("the page has a square for each block");
}

static void
test_option(void)
{
    char line[256] = "";
    FILE *output = popen("TINY_OPTIONS=stats /bin/true 2>&1", "r");

    require(output != NULL && fgets(line, sizeof line, output) != NULL, "nothing is printed");
    pclose(output);
    require(strncmp(line, "libtiny: ", 9) == 0 && strstr(line, "objects of") != NULL,
            "it prints: %s", line);
    show("TINY_OPTIONS=stats is obeyed");
}

int
main(void)
{
    require(tiny_walk != NULL && tiny_stats != NULL && tiny_page != NULL,
            "nobody can say which objects are live");
    test_allocate();
    test_objects();
    test_figures();
    test_page();
    test_option();
    return 0;
}
