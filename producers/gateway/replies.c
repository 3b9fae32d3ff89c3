// SPDX-License-Identifier: MIT
#include "replies.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/ends.h"
#include "bus/reader.h"
#include "metrics.h"

// The end is asked for before the reader opens, and the reader begins at that offset: "the end" as
// a place to start would be looked up by the first fetch, after records that somebody waits for.
// A reader that fails is opened again at the place behind what was read; where that is not there
// any more, at the end: who waited finds the result in the table.

enum { POLL_MAX = 1000, POLL_MS = 200, ASK_MS = 2000 };

struct replies {
    struct replies_options options;
    struct health health;
    pthread_t thread;
    bool is_started;
    atomic_bool is_stopping;
    int64_t next; // BUS_OFFSET_NONE: not known
    struct metric_cell *refused;
};

static bool is_stopping(struct replies *replies)
{
    return atomic_load(&replies->is_stopping);
}

// ERR_STOP: no more tries.
static enum err wait(struct replies *replies, const char *what, const struct why *why)
{
    static const struct timespec step = {.tv_nsec = 20 * 1000 * 1000};
    int64_t end_ms = clock_mono_ms() + health_back_off(&replies->health, what, why);
    // Not the program's stop: while it drains, results still come.
    while (!is_stopping(replies) && clock_mono_ms() < end_ms)
        nanosleep(&step, NULL);
    return is_stopping(replies) ? ERR_STOP : ERR_OK;
}

static enum err find_end(struct replies *replies, struct why *why)
{
    CLEANUP(bus_ends_close_p) struct bus_ends *ends = NULL;
    enum err err = bus_ends_open(replies->options.bus, &ends, why);
    return err == ERR_OK ? bus_ends_ask(ends, replies->options.topic, replies->options.partition,
                                        ASK_MS, &replies->next, why)
                         : err;
}

static enum err open_reader(struct replies *replies, struct bus_reader **ret, struct why *why)
{
    const struct bus_position *gaps = NULL;
    enum err err = replies->next == BUS_OFFSET_NONE ? find_end(replies, why) : ERR_OK;
    if (err != ERR_OK)
        return err;
    const struct bus_reader_options options = {.topic = replies->options.topic,
                                               .partition = replies->options.partition,
                                               .from = replies->next,
                                               .wait_ms = ASK_MS};
    err = bus_reader_open(replies->options.bus, &options, ret, why);
    if (err == ERR_OK && bus_reader_gaps(*ret, &gaps) > 0)
        log_warn("replies-missed", "topic=%s partition=%d", replies->options.topic,
                 replies->options.partition);
    if (err == ERR_FATAL) // made anew, or shorter than it was
        replies->next = BUS_OFFSET_NONE;
    return err;
}

// Until the reader is of no more use.
static enum err read(struct replies *replies, struct bus_reader *reader, struct why *why)
{
    enum err err = ERR_OK;
    health_works(&replies->health);
    while (err == ERR_OK && !is_stopping(replies)) {
        struct bus_block block = {0};
        health_turn(&replies->health);
        err = bus_reader_poll(reader, POLL_MAX, POLL_MS, &block, NULL, why);
        for (size_t i = 0; i < block.count && err != ERR_FATAL; i++) {
            const struct bus_message *message = &block.messages[i];
            struct why cause = {0};
            enum err taken = replies->options.take(replies->options.context, message, &cause);
            if (taken == ERR_RETRY) {
                *why = cause;
                bus_reader_release(reader, &block);
                return ERR_RETRY;
            }
            if (taken != ERR_OK) {
                metric_add(replies->refused, 1);
                log_warn("reply-refused", "topic=%s partition=%d offset=%lld code=%s why=\"%s\"",
                         message->topic, message->partition, (long long)message->offset,
                         why_code_or_verdict(&cause, taken), cause.text);
            }
            replies->next = message->offset + 1;
        }
        bus_reader_release(reader, &block);
    }
    return is_stopping(replies) ? ERR_STOP : err;
}

static void *run(void *argument)
{
    struct replies *replies = argument;
    enum err err = ERR_OK;
    while (err != ERR_STOP) {
        struct why why = {0};
        CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
        health_turn(&replies->health);
        err = open_reader(replies, &reader, &why);
        if (err == ERR_OK)
            err = read(replies, reader, &why);
        if (err != ERR_STOP)
            err = wait(replies, replies->options.name, &why);
    }
    return NULL;
}

enum err replies_start(const struct replies_options *options, struct replies **ret, struct why *why)
{
    struct replies *replies = mem_zalloc(sizeof *replies);
    replies->options = *options;
    replies->next = BUS_OFFSET_NONE;
    health_init(&replies->health, options->name, options->metrics, METRIC_WAITS);
    health_set(&replies->health, &(struct why){.text = "its end is not known yet"});
    replies->refused = metrics_cell(options->metrics, METRIC_REPLIES, options->name, "refused");
    replies->is_started = pthread_create(&replies->thread, NULL, run, replies) == 0;
    if (!replies->is_started) {
        replies_stop(replies);
        return why_say(why, ERR_FATAL, "cannot start a thread");
    }
    *ret = replies;
    return ERR_OK;
}

void replies_stop(struct replies *replies)
{
    if (replies == NULL)
        return;
    atomic_store(&replies->is_stopping, true);
    if (replies->is_started)
        pthread_join(replies->thread, NULL);
    health_done(&replies->health);
    free(replies);
}

bool replies_are_read(struct replies *replies, struct why *why)
{
    return health_is_ready(&replies->health, why);
}
