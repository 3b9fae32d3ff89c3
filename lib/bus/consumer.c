// SPDX-License-Identifier: MIT
#include "bus/consumer_parts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plant.h"

// One thread polls, and rebalance callbacks run inside its polls, so nothing here is locked.
// librdkafka's batch call waits out its whole time unless the batch is full; so the first message
// is waited for alone and the rest taken without waiting.
//
// A static member's place can be taken by somebody who does not own it. A process that slept beyond
// its session, or a client of ours whose heartbeats stopped in an outage, has forgotten its member
// id and joins without one, which the broker takes for the new start of that member: whoever has
// the place by then is fenced, and its client is of no more use. Who is right is decided by
// something that only one can own (the transactional id, a row in PostgreSQL): the owner of that
// makes its client again and takes the place back.

rd_kafka_t *bus_consumer_client(struct bus_consumer *consumer)
{
    return consumer->rk;
}

void consumer_release_taken(struct bus_consumer *consumer)
{
    for (size_t i = 0; i < consumer->taken_count; i++)
        rd_kafka_message_destroy(consumer->taken[i]);
    consumer->taken_count = 0;
    consumer->end_count = 0;
}

void consumer_drain(struct bus_consumer *consumer)
{
    size_t got = 0;
    consumer_release_taken(consumer);
    do {
        got = bus_fetch(consumer->queue, consumer->taken, CONSUMER_BLOCK_MAX, 0);
        consumer->taken_count = got;
        consumer_release_taken(consumer);
    } while (got > 0);
}

static void add_topic(struct bus_consumer *consumer, const char *name)
{
    size_t at = consumer->topic_count++;
    consumer->topics = mem_grow(consumer->topics, consumer->topic_count, sizeof *consumer->topics);
    consumer->topics[at] = (struct known_topic){.name = mem_dup(name)};
}

const char *consumer_intern(struct bus_consumer *consumer, const rd_kafka_topic_t *handle,
                            const char *name)
{
    for (size_t i = 0; i < consumer->topic_count; i++)
        if (consumer->topics[i].handle == handle && handle != NULL)
            return consumer->topics[i].name;
    size_t at = 0;
    while (at < consumer->topic_count && strcmp(consumer->topics[at].name, name) != 0)
        at++;
    if (at == consumer->topic_count)
        add_topic(consumer, name); // the group may give us what we did not ask for
    if (handle != NULL)
        consumer->topics[at].handle = handle;
    return consumer->topics[at].name;
}

static enum err subscribe(struct bus_consumer *consumer, struct why *why)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)consumer->options.topic_count);
    for (size_t i = 0; i < consumer->options.topic_count; i++)
        rd_kafka_topic_partition_list_add(list, consumer->topics[i].name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : bus_fail(code, "cannot subscribe", why);
}

static rd_kafka_resp_err_t on_response(rd_kafka_t *rk, int fd, const char *broker, int32_t id,
                                       int16_t key, int16_t version, int32_t correlation,
                                       size_t size, int64_t took, rd_kafka_resp_err_t code,
                                       void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)id, (void)key, (void)version, (void)correlation;
    (void)size, (void)took;
    struct bus_consumer *consumer = opaque;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    atomic_store(&consumer->opaque.answered_ms, clock_mono_ms());
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *text, size_t size)
{
    (void)conf, (void)text, (void)size;
    return rd_kafka_interceptor_add_on_response_received(rk, "answers", on_response, opaque);
}

static void on_event(rd_kafka_t *rk, void *opaque)
{
    (void)rk;
    const struct bus_consumer *consumer = opaque;
    consumer->options.came(consumer->options.context);
}

static enum err client_open(struct bus_consumer *consumer, struct why *why)
{
    const struct bus_consumer_options *options = &consumer->options;
    char kbytes[32], fetch_wait[32];
    int64_t fetch_wait_ms = options->fetch_wait_ms > 0 ? options->fetch_wait_ms : 20;
    int64_t queue_bytes = options->queue_bytes > 0 ? options->queue_bytes : 16 * 1024 * 1024;
    snprintf(kbytes, sizeof kbytes, "%lld", (long long)(queue_bytes / 1024));
    snprintf(fetch_wait, sizeof fetch_wait, "%lld", (long long)fetch_wait_ms);
    const char *isolation = "read_committed";
    if (PLANT("uncommitted-reads") && options->wants_end) // the recorder
        isolation = "read_uncommitted";
    const struct bus_pair pairs[] = {
        {"group.id", consumer->group},
        {"partition.assignment.strategy", "range"},
        {"enable.auto.commit", PLANT_OR("auto-commit", "true", "false")},
        {"enable.auto.offset.store", PLANT_OR("auto-commit", "true", "false")},
        {"auto.offset.reset", "error"},
        {"isolation.level", isolation},
        {"session.timeout.ms", "10000"},
        {"heartbeat.interval.ms", "1000"},
        {"max.poll.interval.ms", "300000"},
        {"fetch.wait.max.ms", fetch_wait},
        {"fetch.error.backoff.ms", "20"},
        {"fetch.max.bytes", "2097152"},
        {"fetch.message.max.bytes", "524288"},
        {"message.max.bytes", "2000000"},
        {"receive.message.max.bytes", "20000000"},
        {"queued.min.messages", "10000000"},
        {"queued.max.messages.kbytes", kbytes},
        {"enable.partition.eof", "true"},
        // NULL is not accepted as a value: the last pair is only counted with an instance id.
        {"group.instance.id", consumer->instance_id == NULL ? "" : consumer->instance_id},
    };
    rd_kafka_conf_t *conf = NULL;
    size_t count = ARRAY_LEN(pairs) - (consumer->instance_id == NULL);
    enum err err = bus_conf_new(consumer->config, pairs, count, consumer, &conf, why);
    if (err != ERR_OK)
        return err;
    // Without it a full queue is looked at again only after a second.
    bus_conf_set_if_known(conf, "fetch.queue.backoff.ms", "1");
    rd_kafka_conf_set_rebalance_cb(conf, consumer_on_rebalance);
    rd_kafka_conf_interceptor_add_on_new(conf, "answers", on_new, consumer);
    err = bus_client_new(RD_KAFKA_CONSUMER, &conf, &consumer->rk, why);
    if (err != ERR_OK)
        return err;
    rd_kafka_poll_set_consumer(consumer->rk);
    consumer->queue = rd_kafka_queue_get_consumer(consumer->rk);
    if (options->came != NULL)
        rd_kafka_queue_cb_event_enable(consumer->queue, on_event, consumer);
    return ERR_OK;
}

enum err bus_consumer_open(const struct bus_config *config,
                           const struct bus_consumer_options *options, struct bus_consumer **ret,
                           struct why *why)
{
    CLEANUP(bus_consumer_close_p) struct bus_consumer *consumer = mem_zalloc(sizeof *consumer);
    consumer->opaque.log = config->log;
    consumer->config = config;
    consumer->options = *options;
    consumer->group = mem_dup(options->group);
    consumer->instance_id = options->instance_id == NULL ? NULL : mem_dup(options->instance_id);
    for (size_t i = 0; i < options->topic_count; i++)
        add_topic(consumer, options->topics[i]);
    consumer->options.group = consumer->options.instance_id = NULL;
    consumer->options.topics = NULL;
    consumer->taken = mem_array(CONSUMER_BLOCK_MAX, sizeof(rd_kafka_message_t *));
    consumer->messages = mem_array(CONSUMER_BLOCK_MAX, sizeof *consumer->messages);
    consumer->ends = mem_array(CONSUMER_BLOCK_MAX, sizeof *consumer->ends);
    backoff_init(&consumer->pending_backoff, 100, 5000);
    enum err err = client_open(consumer, why);
    if (err == ERR_OK)
        err = subscribe(consumer, why);
    if (err != ERR_OK)
        return err;
    *ret = TAKE(consumer);
    return ERR_OK;
}

static void client_close(struct bus_consumer *consumer)
{
    consumer_release_taken(consumer);
    consumer->is_closing = true;
    if (consumer->queue != NULL) {
        rd_kafka_queue_cb_event_enable(consumer->queue, NULL, NULL);
        rd_kafka_queue_destroy(consumer->queue);
    }
    consumer->queue = NULL;
    if (consumer->rk != NULL) {
        rd_kafka_consumer_close(consumer->rk);
        rd_kafka_destroy(consumer->rk);
    }
    consumer->rk = NULL;
    consumer->is_closing = false;
    for (size_t i = 0; i < consumer->topic_count; i++)
        consumer->topics[i].handle = NULL; // the next client has others, perhaps at this address
}

void bus_consumer_close(struct bus_consumer *consumer)
{
    if (consumer == NULL)
        return;
    client_close(consumer);
    consumer_forget(&consumer->held);
    consumer_forget(&consumer->pending);
    for (size_t i = 0; i < consumer->topic_count; i++)
        free(consumer->topics[i].name);
    free(consumer->taken);
    free(consumer->messages);
    free(consumer->ends);
    free(consumer->topics);
    free(consumer->floor.positions);
    free(consumer->reaches);
    free(consumer->instance_id);
    free(consumer->group);
    free(consumer);
}

static struct consumer_reach *reach_of(struct bus_consumer *consumer, const char *topic,
                                       int32_t partition)
{
    for (size_t i = 0; i < consumer->reach_count; i++)
        if (consumer->reaches[i].topic == topic && consumer->reaches[i].partition == partition)
            return &consumer->reaches[i];
    size_t at = consumer->reach_count++;
    consumer->reaches =
        mem_grow(consumer->reaches, consumer->reach_count, sizeof *consumer->reaches);
    consumer->reaches[at] =
        (struct consumer_reach){topic, partition, BUS_OFFSET_NONE, BUS_OFFSET_NONE, 0};
    return &consumer->reaches[at];
}

// The messages of a block come by partition: only the last one of each run is looked at.
static void note_reaches(struct bus_consumer *consumer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct bus_message *message = &consumer->messages[i], *after = message + 1;
        bool is_last = i + 1 == count || after->partition != message->partition ||
                       after->topic != message->topic;
        if (is_last)
            reach_of(consumer, message->topic, message->partition)->next = message->offset + 1;
    }
}

// A message with an error code is an event of the consumer: the end of a partition, or a failure.
static enum err take_event(struct bus_consumer *consumer, const rd_kafka_message_t *message,
                           struct why *why)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        const struct bus_position end = {
            .topic = consumer_intern(consumer, message->rkt, rd_kafka_topic_name(message->rkt)),
            .partition = message->partition,
            .offset = message->offset};
        struct consumer_reach *reach = reach_of(consumer, end.topic, end.partition);
        reach->end = end.offset;
        reach->end_ms = clock_mono_ms();
        if (consumer->options.wants_end)
            consumer->ends[consumer->end_count++] = end;
        return ERR_OK;
    }
    if (message->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) {
        consumer->was_rebalanced = true;
        return ERR_OK;
    }
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return why_code(
            why, ERR_FATAL, "no-offset",
            "%s/%d: the next offset to read is not in the log any more (%s): records were deleted "
            "before they were read, or the topic was made again; see retentionctl topics "
            "new-generation",
            message->rkt == NULL ? "?" : rd_kafka_topic_name(message->rkt), message->partition,
            rd_kafka_message_errstr(message));
    if (message->err == RD_KAFKA_RESP_ERR__FATAL && consumer_is_fenced(consumer))
        return consumer_say_fenced(consumer, why);
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        char text[256] = "";
        rd_kafka_fatal_error(consumer->rk, text, sizeof text);
        return why_code(why, ERR_FATAL, "consumer-fatal", "consumer of group %s: %s",
                        consumer->group, text);
    }
    enum err err = bus_verdict(message->err);
    return why_say(why, err == ERR_OK ? ERR_RETRY : err, "%s: %s",
                   message->rkt == NULL ? consumer->group : rd_kafka_topic_name(message->rkt),
                   rd_kafka_message_errstr(message));
}

enum err consumer_take_failure(struct bus_consumer *consumer, struct why *why)
{
    enum err err = consumer->failure;
    consumer->failure = ERR_OK;
    if (err != ERR_OK && why != NULL)
        *why = consumer->failure_why;
    return err;
}

bool bus_consumer_is_connected(const struct bus_consumer *consumer, struct why *why)
{
    if (atomic_load(&consumer->opaque.all_down_ms) <= atomic_load(&consumer->opaque.answered_ms))
        return true;
    IGNORE(why_say(why, ERR_RETRY, "no broker can be reached")); // the words are what counts
    IGNORE(bus_waits(consumer->config->bootstrap_servers, ERR_RETRY, why));
    return false;
}

// A fenced client is replaced where its place is ours; the group gives it its partitions again.
static enum err take_place_back(struct bus_consumer *consumer, struct why *why)
{
    if (consumer->options.owns_place == NULL)
        return consumer_say_fenced(consumer, why);
    enum err verdict = consumer->options.owns_place(consumer->options.context, why);
    if (verdict != ERR_OK)
        return verdict;
    if (consumer->opaque.log != NULL)
        consumer->opaque.log(4, "PLACE",
                             "fenced by a process that does not own this place: "
                             "joining the group again");
    consumer_revoke(consumer); // while there is a client: the owner may still use it
    client_close(consumer);
    consumer->failure = ERR_OK;
    enum err err = client_open(consumer, why);
    return err == ERR_OK ? subscribe(consumer, why) : err;
}

// Takes what there is: *ret_count messages, and events.
static enum err take_some(struct bus_consumer *consumer, size_t max, int64_t wait_ms,
                          size_t *ret_count, struct why *why)
{
    consumer_release_taken(consumer);
    consumer->taken_count = bus_fetch(consumer->queue, consumer->taken, max, wait_ms);
    enum err err = consumer_take_failure(consumer, why);
    size_t count = 0;
    for (size_t i = 0; i < consumer->taken_count; i++) {
        const rd_kafka_message_t *message = consumer->taken[i];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const char *topic =
                consumer_intern(consumer, message->rkt, rd_kafka_topic_name(message->rkt));
            bus_message_fill(&consumer->messages[count++], topic, message);
        } else if (err == ERR_OK || err == ERR_RETRY) {
            struct why event = {0};
            enum err verdict = take_event(consumer, message, &event);
            if (verdict != ERR_OK && why != NULL)
                *why = event;
            err = verdict == ERR_OK ? err : verdict;
        }
    }
    note_reaches(consumer, count);
    *ret_count = count;
    return err;
}

enum err bus_consumer_poll(struct bus_consumer *consumer, size_t max, int64_t wait_ms,
                           struct bus_block *ret, struct why *why)
{
    consumer->was_rebalanced = false;
    if (consumer->pending != NULL && clock_mono_ms() >= consumer->pending_at_ms)
        consumer_start_pending(consumer);
    size_t count = 0;
    max = max < CONSUMER_BLOCK_MAX ? max : CONSUMER_BLOCK_MAX;
    const int64_t until_ms = clock_mono_ms() + wait_ms;
    enum err err = take_some(consumer, max, wait_ms, &count, why);
    // An end that nobody wants to hear of does not end the wait.
    while (err == ERR_OK && count == 0 && consumer->taken_count > 0 && consumer->end_count == 0 &&
           !consumer->was_rebalanced && clock_mono_ms() < until_ms)
        err = take_some(consumer, max, until_ms - clock_mono_ms(), &count, why);
    if (consumer_is_fenced(consumer)) {
        count = 0;
        consumer_drain(consumer);
        err = take_place_back(consumer, why);
    }
    *ret = (struct bus_block){.messages = consumer->messages,
                              .count = count,
                              .was_rebalanced = consumer->was_rebalanced,
                              .ends = consumer->ends,
                              .end_count = consumer->end_count};
    // Messages that came beside a passing error are good: the error will be back if it lasts.
    return err == ERR_RETRY && count > 0 ? ERR_OK : err;
}

void bus_block_release(struct bus_consumer *consumer, struct bus_block *block)
{
    consumer_release_taken(consumer);
    *block = (struct bus_block){0};
}

enum err bus_consumer_seek(struct bus_consumer *consumer, const char *topic, int32_t partition,
                           int64_t offset, struct why *why)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    // A finite time-out is taken as microseconds by 2.0.2; -1 waits.
    rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->rk, list, -1);
    rd_kafka_resp_err_t code = error == NULL ? list->elems[0].err : rd_kafka_error_code(error);
    if (error != NULL)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : bus_fail(code, "cannot seek", why);
}

enum err bus_consumer_bounds(struct bus_consumer *consumer, const char *topic, int32_t partition,
                             int64_t *ret_first, int64_t *ret_end, struct why *why)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(consumer->rk, topic, partition,
                                                                ret_first, ret_end, BUS_STEP_MS);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? ERR_OK
               : bus_fail(code, "cannot ask for the bounds of a partition", why);
}

enum err bus_consumer_keep_alive(struct bus_consumer *consumer, bool *ret_rebalanced,
                                 struct why *why)
{
    consumer->was_rebalanced = false;
    // A copy: what is paused must be resumed although a rebalance takes it away meanwhile, because
    // librdkafka keeps the flag and would never fetch the partition when it comes back.
    rd_kafka_topic_partition_list_t *paused =
        consumer->held == NULL ? NULL : rd_kafka_topic_partition_list_copy(consumer->held);
    if (paused != NULL)
        IGNORE(rd_kafka_pause_partitions(consumer->rk, paused)); // one that went is no loss
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->rk, 0);
    enum err err = ERR_OK;
    if (message != NULL && message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        err = take_event(consumer, message, why);
    bool is_lost = message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    char *topic = is_lost ? mem_dup(rd_kafka_topic_name(message->rkt)) : NULL;
    int32_t partition = is_lost ? message->partition : 0;
    int64_t offset = is_lost ? message->offset : 0;
    if (message != NULL)
        rd_kafka_message_destroy(message);
    if (paused != NULL) {
        IGNORE(rd_kafka_resume_partitions(consumer->rk, paused));
        rd_kafka_topic_partition_list_destroy(paused);
    }
    // A message that slipped through the pause is put back by seeking to it.
    if (err == ERR_OK && is_lost && !consumer->was_rebalanced)
        err = bus_consumer_seek(consumer, topic, partition, offset, why);
    free(topic);
    *ret_rebalanced = consumer->was_rebalanced;
    enum err failure = consumer_take_failure(consumer, why);
    return consumer_unless_judged(consumer, failure != ERR_OK ? failure : err);
}

enum err bus_consumer_pause(struct bus_consumer *consumer, const char *topic, int32_t partition,
                            bool is_paused, struct why *why)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t code = is_paused ? rd_kafka_pause_partitions(consumer->rk, list)
                                         : rd_kafka_resume_partitions(consumer->rk, list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? ERR_OK
               : bus_fail(code, "cannot pause or continue a partition", why);
}

void bus_consumer_note(struct bus_consumer *consumer, const struct bus_position *positions,
                       size_t count)
{
    if (count == 0)
        return;
    rd_kafka_topic_partition_list_t *list = bus_list_of(positions, count);
    IGNORE(rd_kafka_commit(consumer->rk, list, 1)); // for lag tools only; PostgreSQL has the truth
    rd_kafka_topic_partition_list_destroy(list);
}
