// SPDX-License-Identifier: MIT
#include "lane.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro/encode.h"
#include "avro/records.h"
#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/consumer.h"
#include "bus/deadletter.h"
#include "bus/partition.h"
#include "bus/producer.h"
#include "bus/topics.h"
#include "decide.h"
#include "domain/source.h"
#include "metrics.h"
#include "registry/decoder.h"
#include "tally.h"

// The transaction. Its invariants:
//  - an offset is sent only in the transaction that holds the outputs of every record before it;
//  - after anything but a clean commit the consumer goes back to the committed offsets, because the
//    broker alone knows what became of the transaction;
//  - a rebalance drops the transaction and the block that came with it;
//  - a record either has its outputs, or a dead letter, or is waited for: nothing is skipped.
// A transaction is committed once the input is drained and a few milliseconds have passed, or its
// interval is over, or it has read enough bytes: short at low load, long at full load. What is
// counted is added to the metrics only after the commit.

enum {
    BLOCK_MESSAGES = 2000,
    DRAIN_MS = 3,
    IDLE_MS = 200,
    ENCODED_MAX = 2 * 1024 * 1024,
    PARTITIONS_MAX = 1024,
    REASONS_MAX = 1500
};

struct lane {
    struct lane_options options;
    char *topic, *predictions, *high_risk, *dead_letters, *group, *identity;
    struct avro_field *fields;
    size_t field_count;
    struct value *values;
    struct decoder *decoder;
    struct decide_places places;
    const struct model *model; // of the open transaction
    struct model_block *block; // one row: scoring allocates nothing
    struct bus_consumer *consumer;
    struct bus_producer *producer;
    int32_t partitions; // of every employee-keyed topic
    struct text encoded;
    bool is_open; // a transaction
    int64_t opened_ms;
    struct bus_position next[PARTITIONS_MAX]; // source offsets of the open transaction
    size_t next_count;
    struct bus_position *held; // assignment, with the metadata of its committed offsets
    int *generations;          // in that metadata
    size_t held_count;
    struct tally tally;
    struct health health;
    bool is_stuck; // the record at `stuck` has to be waited for
    struct bus_position stuck;
    struct bus_producer_counts counted;
};

struct lane *lane_new(const struct lane_options *options)
{
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->options = *options;
    const char *prefix = options->topic_prefix;
    lane->topic = mem_printf("%s%s", prefix, options->topic);
    lane->predictions = bus_topic_name(prefix, BUS_TOPIC_PREDICTIONS);
    lane->high_risk = bus_topic_name(prefix, BUS_TOPIC_HIGH_RISK);
    lane->dead_letters = bus_topic_name(prefix, BUS_TOPIC_DEAD_LETTERS);
    lane->group = mem_printf("%sscoring-%s", prefix, options->topic);
    lane->identity = mem_printf("%sscoring-%s-%" PRId64, prefix, options->topic, options->slot);
    lane->fields = avro_employee_fields(options->features, &lane->field_count);
    lane->values = mem_array(lane->field_count, sizeof *lane->values);
    lane->decoder = decoder_new(options->registry, lane->fields, lane->field_count);
    lane->places = decide_places_of(options->features);
    lane->encoded = TEXT_INIT(ENCODED_MAX);
    health_init(&lane->health, options->topic, options->metrics, METRIC_WAITS);
    tally_commit(&lane->tally, options->metrics, options->topic);
    return lane;
}

void lane_free(struct lane *lane)
{
    if (lane == NULL)
        return;
    bus_consumer_close(lane->consumer);
    bus_producer_close(lane->producer);
    decoder_free(lane->decoder);
    model_block_free(lane->block);
    live_model_give(lane->options.model, lane->model);
    free(lane->fields);
    free(lane->values);
    free(lane->held);
    free(lane->generations);
    free(lane->topic);
    free(lane->predictions);
    free(lane->high_risk);
    free(lane->dead_letters);
    free(lane->group);
    free(lane->identity);
    text_done(&lane->encoded);
    health_done(&lane->health);
    free(lane);
}

bool lane_is_ready(struct lane *lane, struct why *why)
{
    return health_is_ready(&lane->health, why);
}

static void add_if(struct lane *lane, enum metric_id id, const char *label, uint64_t by)
{
    if (by > 0)
        metric_add(metrics_cell(lane->options.metrics, id, lane->options.topic, label), by);
}

static void count_transactions(struct lane *lane)
{
    struct bus_producer_counts now = bus_producer_counts(lane->producer);
    add_if(lane, METRIC_TRANSACTIONS, "commit", now.commits - lane->counted.commits);
    add_if(lane, METRIC_TRANSACTIONS, "abort", now.aborts - lane->counted.aborts);
    add_if(lane, METRIC_TRANSACTIONS, "rebuild", now.rebuilds - lane->counted.rebuilds);
    lane->counted = now;
}

static void forget_transaction(struct lane *lane)
{
    lane->is_open = false;
    lane->next_count = 0;
    memset(&lane->tally, 0, sizeof lane->tally);
}

// Back to the committed offsets, as often as it takes.
static enum err rewind_input(struct lane *lane, struct why *why)
{
    forget_transaction(lane);
    for (;;) {
        enum err err = bus_consumer_rewind(lane->consumer, why);
        if (err != ERR_RETRY)
            return err;
        if (health_wait(&lane->health, "offsets", why) != ERR_OK)
            return ERR_STOP;
    }
}

static enum err drop_transaction(struct lane *lane, struct why *why)
{
    enum err err = bus_producer_abort(lane->producer, why);
    count_transactions(lane);
    return err == ERR_OK ? rewind_input(lane, why) : err;
}

// Ready again, unless a record is still waited for.
static void goes_on(struct lane *lane)
{
    if (!lane->is_stuck)
        health_works(&lane->health);
}

// A transaction is of one model: the one that is present when it begins.
static void take_model(struct lane *lane)
{
    const struct model *model = live_model_take(lane->options.model);
    if (model != lane->model) {
        model_block_free(lane->block);
        lane->block = model_block_new(model, 1);
    }
    live_model_give(lane->options.model, lane->model);
    lane->model = model;
}

static enum err begin(struct lane *lane, struct why *why)
{
    take_model(lane);
    enum err err = bus_producer_begin(lane->producer, why);
    if (err != ERR_OK)
        return err;
    lane->is_open = true;
    lane->opened_ms = clock_mono_ms();
    return ERR_OK;
}

static void hold_assignment(struct lane *lane)
{
    free(lane->held);
    free(lane->generations);
    lane->held_count = bus_consumer_assignment(lane->consumer, &lane->held);
    lane->generations = mem_array(lane->held_count, sizeof *lane->generations);
    for (size_t i = 0; i < lane->held_count; i++)
        lane->generations[i] = source_generation(lane->held[i].metadata);
}

// Place of a partition in `held`; its count where it is not there.
static size_t held_at(const struct lane *lane, int32_t partition)
{
    size_t i = 0;
    while (i < lane->held_count && lane->held[i].partition != partition)
        i++;
    return i;
}

// ERR_RETRY: the transaction is lost, or nobody knows; the input is back at the committed offsets,
// and what is held of it is void.
static enum err commit(struct lane *lane, struct why *why)
{
    int64_t from_ns = clock_mono_ns();
    enum err err =
        bus_producer_commit(lane->producer, lane->consumer, lane->next, lane->next_count, why);
    count_transactions(lane);
    if (err == ERR_RETRY) {
        struct why cause = *why;
        log_warn("transaction-lost", "lane=%s events=%" PRIu64 " why=\"%s\"", lane->options.topic,
                 lane->tally.events, why->text);
        err = rewind_input(lane, why);
        if (err == ERR_OK)
            *why = cause;
        return err == ERR_OK ? ERR_RETRY : err;
    }
    if (err != ERR_OK)
        return err;
    metric_observe_ns(
        metrics_cell(lane->options.metrics, METRIC_TRANSACTION_SECONDS, lane->options.topic, NULL),
        clock_mono_ns() - from_ns);
    tally_commit(&lane->tally, lane->options.metrics, lane->options.topic);
    forget_transaction(lane);
    goes_on(lane);
    return ERR_OK;
}

// The record is done: its offset goes along with the transaction.
static void advance(struct lane *lane, const struct bus_message *message)
{
    size_t i = 0;
    while (i < lane->next_count && lane->next[i].partition != message->partition)
        i++;
    if (i == lane->next_count) {
        lane->next_count++;
        lane->next[i] =
            (struct bus_position){.topic = lane->topic, .partition = message->partition};
        size_t at = held_at(lane, message->partition);
        if (at < lane->held_count)
            memcpy(lane->next[i].metadata, lane->held[at].metadata, sizeof lane->next[i].metadata);
    }
    lane->next[i].offset = message->offset + 1;
    if (lane->is_stuck && lane->stuck.partition == message->partition &&
        message->offset >= lane->stuck.offset)
        lane->is_stuck = false;
    lane->tally.events++;
    lane->tally.bytes += (int64_t)(message->value.len + message->key.len);
}

static enum err send(struct lane *lane, const char *topic, struct bytes key, struct bytes value,
                     const struct bus_header *headers, size_t header_count, struct why *why)
{
    const struct bus_record record = {.topic = topic,
                                      .partition = bus_partition(key, lane->partitions),
                                      .key = key,
                                      .value = value,
                                      .headers = headers,
                                      .header_count = header_count};
    enum err err = bus_producer_send(lane->producer, &record, why);
    // What we wrote ourselves is never too large: that would be our bug.
    return err == ERR_REJECT ? ERR_FATAL : err;
}

// left, erased: a null value, with what it needs to take part in the order in its headers.
static enum err send_departure(struct lane *lane, const struct employee_change *change,
                               struct why *why)
{
    char event_time[24], scored_at[24];
    snprintf(event_time, sizeof event_time, "%" PRId64, change->event_time_ms);
    snprintf(scored_at, sizeof scored_at, "%" PRId64, clock_real_ms());
    const struct bus_header headers[] = {{"event_id", change->event_id},
                                         {"event_time", bytes_from_string(event_time)},
                                         {"change", bytes_from_string(change_name(change->change))},
                                         {"scored_at", bytes_from_string(scored_at)}};
    lane->tally.departures++;
    return send(lane, lane->predictions, change->employee_id, (struct bytes){0}, headers,
                ARRAY_LEN(headers), why);
}

// Why there is no number, for whoever looks for it: names of attributes, never a person's values.
static void tell_unknown(const struct lane *lane, const struct bus_message *message,
                         const struct employee_change *change)
{
    CLEANUP(text_done) struct text reasons = TEXT_INIT(REASONS_MAX);
    // What is over the ceiling of a log line is missed by nobody.
    IGNORE(model_describe(lane->model, change->attributes, &reasons));
    log_debug("band-unknown", "topic=%s partition=%d offset=%" PRId64 " why=\"%s\"", message->topic,
              message->partition, message->offset, text_string(&reasons));
}

// With the bands that a plan may be told of, never with the values.
static enum err send_high_risk(struct lane *lane, const struct prediction *prediction,
                               const struct employee_change *change, struct why *why)
{
    struct bytes facts[FACTS_MAX][2];
    size_t count = facts_of(lane->options.features, lane->options.facts, change->attributes, facts);
    text_clear(&lane->encoded);
    if (avro_encode_high_risk(lane->options.high_risk_schema_id, prediction,
                              (const struct bytes(*)[2])facts, count, &lane->encoded,
                              why) != ERR_OK)
        return ERR_FATAL;
    return send(lane, lane->high_risk, change->employee_id, text_bytes(&lane->encoded), NULL, 0,
                why);
}

static enum err send_score(struct lane *lane, const struct bus_message *message,
                           const struct employee_change *change, struct why *why)
{
    char id[SOURCE_ID_MAX];
    size_t at = held_at(lane, message->partition);
    int generation = at < lane->held_count ? lane->generations[at] : 1;
    size_t id_len = source_id(lane->topic, generation, message->partition, message->offset, id);
    struct score score;
    struct prediction prediction;
    model_block_clear(lane->block);
    model_block_put(lane->block, change->attributes);
    model_block_score(lane->block, true, &score);
    decide_prediction(lane->options.features, &lane->places, lane->model, change, &score, message,
                      bytes_of(id, id_len), clock_real_ms(), TRIGGER_CHANGE, &prediction);
    text_clear(&lane->encoded);
    enum err err = avro_encode_prediction(lane->options.prediction_schema_id, &prediction,
                                          &lane->encoded, why);
    if (err != ERR_OK)
        return ERR_FATAL; // every part of it was bounded by employee_check
    // A departed employee comes back with `created`: readers must see that it is one.
    const struct bus_header created = {"change", bytes_from_string(change_name(CHANGE_CREATED))};
    err = send(lane, lane->predictions, change->employee_id, text_bytes(&lane->encoded), &created,
               change->change == CHANGE_CREATED, why);
    if (err == ERR_OK && prediction.band == BAND_HIGH)
        err = send_high_risk(lane, &prediction, change, why);
    tally_score(&lane->tally, &score);
    if (score.band == BAND_UNKNOWN)
        tell_unknown(lane, message, change);
    return err;
}

// Decodes and checks: ERR_REJECT with the reason where the record can never work.
static enum err read_change(struct lane *lane, const struct bus_message *message,
                            struct employee_change *ret, struct why *why)
{
    enum err err = decoder_run(lane->decoder, message->value, lane->values, why);
    if (err == ERR_OK)
        err = avro_employee_from_values(lane->values, ret, why);
    if (err == ERR_OK)
        err = employee_check(lane->options.features, ret, message->key, message->timestamp_ms, why);
    return err;
}

static enum err process(struct lane *lane, const struct bus_message *message,
                        const struct employee_change *change, const struct why *refusal,
                        struct why *why)
{
    if (refusal != NULL) {
        tally_refusal(&lane->tally, refusal->code);
        log_debug("dead-letter", "topic=%s partition=%d offset=%" PRId64 " code=%s", message->topic,
                  message->partition, message->offset, refusal->code);
        enum err err = bus_deadletter_send(lane->producer, lane->dead_letters, message,
                                           "retentionai-scoring", refusal, why);
        return err == ERR_REJECT ? ERR_FATAL : err;
    }
    lane->tally.foreign +=
        message->partition != bus_partition(change->employee_id, lane->partitions);
    bool is_departure = change->change == CHANGE_LEFT || change->change == CHANGE_ERASED;
    return is_departure ? send_departure(lane, change, why)
                        : send_score(lane, message, change, why);
}

// A record that cannot be judged yet (its schema is not known here and the registry is away): what
// is before it is committed, and the input goes back to it. Records behind it wait, too; those of
// other partitions come as far as the blocks reach them.
static enum err wait_for_record(struct lane *lane, const struct bus_message *message,
                                const struct why *cause, struct why *why)
{
    lane->is_stuck = true;
    lane->stuck = (struct bus_position){
        .topic = lane->topic, .partition = message->partition, .offset = message->offset};
    enum err err = lane->is_open ? commit(lane, why) : ERR_OK;
    if (err == ERR_OK)
        err = rewind_input(lane, why);
    if (err == ERR_OK || err == ERR_RETRY)
        err = health_wait(&lane->health, "record", cause);
    return err;
}

// The transaction cannot be finished: dropped, and tried again after a wait.
static enum err start_over(struct lane *lane, struct why *why)
{
    struct why cause = *why;
    enum err err = drop_transaction(lane, why);
    return err == ERR_OK ? health_wait(&lane->health, "kafka", &cause) : err;
}

// All messages of a block, or up to one that has to be waited for.
static enum err work(struct lane *lane, const struct bus_block *block, struct why *why)
{
    for (size_t i = 0; i < block->count; i++) {
        const struct bus_message *message = &block->messages[i];
        struct employee_change change;
        struct why refusal = {0};
        enum err err = read_change(lane, message, &change, &refusal);
        if (err == ERR_RETRY)
            return wait_for_record(lane, message, &refusal, why);
        if (err != ERR_OK && err != ERR_REJECT) {
            *why = refusal;
            return err;
        }
        bool is_refused = err == ERR_REJECT;
        err = lane->next_count == PARTITIONS_MAX ? commit(lane, why) : ERR_OK;
        if (err == ERR_RETRY)
            return health_wait(&lane->health, "kafka", why);
        if (err == ERR_OK && !lane->is_open)
            err = begin(lane, why);
        if (err == ERR_OK)
            err = process(lane, message, &change, is_refused ? &refusal : NULL, why);
        if (err == ERR_RETRY)
            return start_over(lane, why);
        if (err != ERR_OK)
            return err;
        advance(lane, message);
    }
    return ERR_OK;
}

static bool is_due(const struct lane *lane, bool is_drained)
{
    int64_t age_ms = clock_mono_ms() - lane->opened_ms;
    return (is_drained && age_ms >= DRAIN_MS) || age_ms >= lane->options.commit_interval_ms ||
           lane->tally.bytes >= lane->options.transaction_bytes ||
           lane->next_count == PARTITIONS_MAX;
}

// Some of the block's messages may be of the new assignment: rewinding brings them back.
static enum err take_assignment(struct lane *lane, struct why *why)
{
    lane->is_stuck = false;
    enum err err = drop_transaction(lane, why);
    hold_assignment(lane);
    log_info("lane-assigned", "lane=%s partitions=%zu", lane->options.topic, lane->held_count);
    return err;
}

static enum err turn(struct lane *lane, struct why *why)
{
    health_turn(&lane->health);
    struct bus_block block;
    enum err err = bus_consumer_poll(lane->consumer, BLOCK_MESSAGES,
                                     lane->is_open ? DRAIN_MS : IDLE_MS, &block, why);
    if (block.was_rebalanced) {
        bus_block_release(lane->consumer, &block);
        return err == ERR_OK || err == ERR_RETRY ? take_assignment(lane, why) : err;
    }
    if (err == ERR_RETRY)
        return start_over(lane, why);
    if (err != ERR_OK)
        return err;
    if (lane->held_count == 0) // a pending assignment was started without a rebalance
        hold_assignment(lane);
    bool is_drained = block.count == 0;
    if (!is_drained)
        err = work(lane, &block, why);
    bus_block_release(lane->consumer, &block);
    if (err == ERR_OK && lane->is_open && is_due(lane, is_drained)) {
        err = commit(lane, why);
        if (err == ERR_RETRY)
            err = health_wait(&lane->health, "kafka", why);
    }
    struct why cause = {0};
    if (!bus_consumer_is_connected(lane->consumer, &cause))
        health_set(&lane->health, &cause);
    else if (err == ERR_OK && is_drained && !lane->is_open)
        goes_on(lane);
    return err;
}

static void on_kafka_wait(void *context, const struct why *why)
{
    struct lane *lane = context;
    health_tell(&lane->health, "kafka", why);
}

static enum err open_producer(struct lane *lane, struct why *why)
{
    const struct bus_producer_options options = {
        .transactional_id = lane->identity, .on_wait = on_kafka_wait, .context = lane};
    enum err err = bus_producer_open(lane->options.bus, &options, &lane->producer, why);
    // Also warms the metadata, without which the first transaction takes a second.
    const char *const outputs[] = {lane->dead_letters, lane->high_risk, lane->predictions};
    for (size_t i = 0; i < ARRAY_LEN(outputs) && err == ERR_OK; i++) {
        err = bus_producer_partitions(lane->producer, outputs[i], &lane->partitions, why);
        while (err == ERR_RETRY) {
            if (health_wait(&lane->health, "kafka", why) != ERR_OK)
                return ERR_STOP;
            err = bus_producer_partitions(lane->producer, outputs[i], &lane->partitions, why);
        }
    }
    return err;
}

static enum err open_consumer(struct lane *lane, struct why *why)
{
    const char *const topics[] = {lane->topic};
    const struct bus_consumer_options options = {.group = lane->group,
                                                 .instance_id = lane->identity,
                                                 .topics = topics,
                                                 .topic_count = 1,
                                                 .queue_bytes = lane->options.fetch_ahead_bytes};
    return bus_consumer_open(lane->options.bus, &options, &lane->consumer, why);
}

// The end of a lane: what is open is committed when it was asked to stop, and given back otherwise,
// so that readers need not wait for the broker's time-out.
static enum err finish(struct lane *lane, enum err err, struct why *why)
{
    // Without brokers it would only be waited for: nothing is lost, the next owner aborts it.
    if (err == ERR_OK && lane->is_open && bus_consumer_is_connected(lane->consumer, NULL))
        err = commit(lane, why);
    bool is_fenced = err == ERR_FATAL && strcmp(why->code, "fenced") == 0;
    if (err == ERR_FATAL && !is_fenced && lane->is_open)
        IGNORE(
            bus_producer_abort(lane->producer, NULL)); // the sentence that counts is there already
    health_set(&lane->health, &(struct why){.text = "the lane has stopped"});
    return err == ERR_OK || err == ERR_RETRY ? ERR_STOP : err;
}

enum err lane_run(struct lane *lane, struct why *why)
{
    // The producer first: taking the transactional id aborts what a predecessor left open, so the
    // committed offsets that the consumer then reads are final.
    enum err err = open_producer(lane, why);
    if (err == ERR_OK)
        err = open_consumer(lane, why);
    if (err == ERR_OK)
        log_info("lane-started", "lane=%s group=%s transactional_id=%s", lane->options.topic,
                 lane->group, lane->identity);
    while (err == ERR_OK && !program_is_stopping())
        err = turn(lane, why);
    return finish(lane, err, why);
}
