// SPDX-License-Identifier: MIT
//
// A pipeline of threads. Own idea, after services that receive, parse, handle and answer.
//
// A message is a header and a body. The first stage allocates both; each stage in between replaces
// the body by one of another size and keeps a note of its own attached to the header; the last
// stage frees everything. Stages are joined by bounded queues that carry bundles of messages.
//
// Stresses frees across threads where every thread also allocates: unlike in xmalloc-test, memory
// of several threads hangs together in one message. Bundles are arrays that go around as well.
//
//   asyncpipe [stages messages steps queued]
//
// Bodies up to 8 << `steps` bytes; `queued` bundles at most between two stages.

#include "common/object.h"
#include "common/queue.h"

enum { BUNDLE_MESSAGES = 64, NOTE_BYTES = 40 };

struct note {
    uint64_t mark; // object.h's
    struct note *next;
    uint64_t stage;
};

struct message {
    uint64_t mark; // object.h's
    uint8_t *body;
    struct note *notes;
    uint64_t number;
    uint32_t body_bytes;
};

struct bundle {
    uint32_t count;
    struct message *messages[BUNDLE_MESSAGES];
};

struct pipeline {
    unsigned stage_count;
    uint64_t message_count;
    unsigned steps;
    struct queue *queues; // queue i leads from stage i to stage i + 1
};

static void
body_new(struct message *message, unsigned steps, struct bench_random *random)
{
    message->body_bytes = object_falling_bytes((uint32_t)bench_random_next(random), steps);
    message->body = object_new(message->body_bytes);
}

static struct message *
message_new(const struct pipeline *pipeline, uint64_t number, struct bench_random *random)
{
    struct message *message = object_new(sizeof *message);

    message->number = number;
    message->notes = NULL;
    body_new(message, pipeline->steps, random);
    return message;
}

static void
message_handle(const struct pipeline *pipeline, struct message *message, unsigned stage,
               struct bench_random *random)
{
    uint8_t *old = message->body;
    struct note *note = object_new(NOTE_BYTES);

    note->stage = stage;
    note->next = message->notes;
    message->notes = note;
    body_new(message, pipeline->steps, random);
    object_free(old);
}

// Ends the program when a stage is missing among the notes.
static void
message_free(const struct pipeline *pipeline, struct message *message)
{
    unsigned stage = pipeline->stage_count - 1;

    for (struct note *note = message->notes; note != NULL;) {
        struct note *next = note->next;
        if (note->stage != --stage) {
            bench_die("a message lost a note");
        }
        object_free(note);
        note = next;
    }
    if (stage != 1) {
        bench_die("a message missed a stage");
    }
    object_free(message->body);
    object_free(message);
}

static void
produce(struct pipeline *pipeline, struct bench_random *random)
{
    for (uint64_t number = 0; number < pipeline->message_count;) {
        struct bundle *bundle = bench_alloc(sizeof *bundle);
        bundle->count = 0;
        while (bundle->count < BUNDLE_MESSAGES && number < pipeline->message_count) {
            bundle->messages[bundle->count++] = message_new(pipeline, number++, random);
        }
        queue_put(&pipeline->queues[0], bundle);
    }
}

static void
consume(struct pipeline *pipeline, struct bundle *bundle, uint64_t *expected)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        if (bundle->messages[i]->number != (*expected)++) {
            bench_die("a message out of turn");
        }
        message_free(pipeline, bundle->messages[i]);
    }
    free(bundle);
}

static void
work(void *context, unsigned stage)
{
    struct pipeline *pipeline = context;
    struct bench_random random;
    struct bundle *bundle;
    uint64_t expected = 0;

    bench_random_start(&random, stage);
    if (stage == 0) {
        produce(pipeline, &random);
    }
    while (stage != 0 && (bundle = queue_get(&pipeline->queues[stage - 1])) != NULL) {
        if (stage == pipeline->stage_count - 1) {
            consume(pipeline, bundle, &expected);
            continue;
        }
        for (uint32_t i = 0; i < bundle->count; i++) {
            message_handle(pipeline, bundle->messages[i], stage, &random);
        }
        queue_put(&pipeline->queues[stage], bundle);
    }
    if (stage != pipeline->stage_count - 1) {
        queue_close(&pipeline->queues[stage]);
    } else if (expected != pipeline->message_count) {
        bench_die("messages are missing");
    }
}

int
main(int argc, char **argv)
{
    struct pipeline pipeline = {
        .stage_count = (unsigned)bench_argument(argc, argv, 1, 4, 2),
        .message_count = bench_argument(argc, argv, 2, 3000000, 1),
        .steps = (unsigned)bench_argument(argc, argv, 3, 8, 1),
    };
    size_t capacity = bench_argument(argc, argv, 4, 32, 1);

    pipeline.queues = bench_map(pipeline.stage_count * sizeof *pipeline.queues);
    for (unsigned i = 0; i < pipeline.stage_count - 1; i++) {
        queue_start(&pipeline.queues[i], capacity, 1);
    }
    bench_parallel(pipeline.stage_count, work, &pipeline);
    return 0;
}
