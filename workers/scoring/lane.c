// SPDX-License-Identifier: MIT
#include "lane.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "avro/records.h"
#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/program.h"
#include "bus/consumer.h"
#include "bus/producer.h"
#include "bus/topics.h"
#include "decide.h"
#include "domain/source.h"
#include "metrics.h"
#include "outputs.h"
#include "registry/decoder.h"
#include "tally.h"

// The transaction. Its invariants:
//  - an offset is sent only in the transaction that holds the outputs of every record before it;
//  - after anything but a clean commit the consumer goes back to the committed offsets, because the
//    broker alone knows what became of the transaction;
//  - a rebalance drops the transaction and the block that came with it;
//  - a record either has its outputs, or a dead letter, or is waited for: nothing is skipped.
// A transaction is committed once the input is drained (at once where somebody waits, else when a
// few milliseconds have passed), or its interval is over, or it has read enough bytes: short at low
// load, long at full load. Behind a short one there is a pause, because the broker is still ending
// it (bus_producer_pause_us); what comes meanwhile goes into the next one. What is counted is added
// to the metrics only after the commit.

enum {
    BLOCK_MESSAGES = 2000,
    LOOK_EVERY = 32, // messages of a block, whether the transaction is due
    IDLE_MS = 200,
    PARTITIONS_MAX = 1024,
    // Of the bulk lane while others are active: with the commit itself it is open for 20 ms at
    // most.
    YIELD_MS = 10,
    YIELD_MESSAGES = 100,
};

struct kind {
    enum bus_topic topic;
    enum trigger trigger;
    int64_t drain_ms;  // that the input has to be drained before a commit
    int64_t linger_ms; // as bus_producer's
    int64_t retry_ms;
    bool has_replies;
    bool is_bulk;
};

static const struct kind kinds[] = {
    {.topic = BUS_TOPIC_EMPLOYEE_CHANGES, .trigger = TRIGGER_CHANGE, .drain_ms = 3},
    {.topic = BUS_TOPIC_SCORE_REQUESTS,
     .trigger = TRIGGER_REQUEST,
     .linger_ms = -1,
     .retry_ms = 2,
     .has_replies = true},
    {.topic = BUS_TOPIC_EMPLOYEE_RESCORE,
     .trigger = TRIGGER_RESCORE,
     .drain_ms = 3,
     .is_bulk = true},
};

struct lane {
    struct lane_options options;
    const struct kind *kind;
    char *topic, *group, *identity;
    struct avro_field *fields;
    size_t field_count;
    struct value *values;
    struct decoder *decoder;
    struct outputs *outputs;
    struct bus_consumer *consumer;
    struct bus_producer *producer;
    bool is_open; // a transaction
    int64_t opened_ns;
    bool was_drained;                         // at the last commit
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

static const struct kind *kind_of(const char *topic)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(bus_topics[kinds[i].topic].name, topic) == 0)
            return &kinds[i];
    return NULL;
}

bool lane_is_known(const char *topic)
{
    return kind_of(topic) != NULL;
}

static struct outputs *make_outputs(struct lane *lane)
{
    const struct lane_options *options = &lane->options;
    const struct outputs_options outputs = {
        .topic_prefix = options->topic_prefix,
        .features = options->features,
        .facts = options->facts,
        .model = options->model,
        .tally = &lane->tally,
        .trigger = lane->kind->trigger,
        .has_replies = lane->kind->has_replies,
        .prediction_schema_id = options->prediction_schema_id,
        .high_risk_schema_id = options->high_risk_schema_id,
        .reply_schema_id = options->reply_schema_id,
    };
    return outputs_new(&outputs);
}

struct lane *lane_new(const struct lane_options *options)
{
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->options = *options;
    lane->kind = kind_of(options->topic);
    assert(lane->kind != NULL);
    const char *prefix = options->topic_prefix;
    lane->topic = mem_printf("%s%s", prefix, options->topic);
    lane->group = mem_printf("%sscoring-%s", prefix, options->topic);
    lane->identity = mem_printf("%sscoring-%s-%" PRId64, prefix, options->topic, options->slot);
    lane->fields = avro_employee_fields(options->features, &lane->field_count);
    lane->values = mem_array(lane->field_count, sizeof *lane->values);
    lane->decoder = decoder_new(options->registry, lane->fields, lane->field_count);
    lane->outputs = make_outputs(lane);
    health_init(&lane->health, options->topic, options->metrics, METRIC_WAITS);
    tally_commit(&lane->tally, options->metrics, options->topic, lane->kind->has_replies);
    return lane;
}

void lane_free(struct lane *lane)
{
    if (lane == NULL)
        return;
    bus_consumer_close(lane->consumer);
    bus_producer_close(lane->producer);
    decoder_free(lane->decoder);
    outputs_free(lane->outputs);
    free(lane->fields);
    free(lane->values);
    free(lane->held);
    free(lane->generations);
    free(lane->topic);
    free(lane->group);
    free(lane->identity);
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
    add_if(lane, METRIC_TOO_EARLY, NULL, now.too_early - lane->counted.too_early);
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
    if (PLANT("no-rewind"))
        return ERR_OK;
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
    CRASH_POINT("aborted");
    return err == ERR_OK ? rewind_input(lane, why) : err;
}

// Ready again, unless a record is still waited for.
static void goes_on(struct lane *lane)
{
    if (!lane->is_stuck)
        health_works(&lane->health);
}

static enum err begin(struct lane *lane, struct why *why)
{
    outputs_begin(lane->outputs);
    enum err err = bus_producer_begin(lane->producer, why);
    if (err != ERR_OK)
        return err;
    lane->is_open = true;
    lane->opened_ns = clock_mono_ns();
    CRASH_POINT("begun");
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
    CRASH_POINT("before-commit");
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
    CRASH_POINT("committed");
    struct metrics *metrics = lane->options.metrics;
    const char *name = lane->options.topic;
    int64_t now_ns = clock_mono_ns();
    metric_observe_ns(metrics_cell(metrics, METRIC_TRANSACTION_SECONDS, name, NULL),
                      now_ns - from_ns);
    metric_observe_ns(metrics_cell(metrics, METRIC_TRANSACTION_OPEN_SECONDS, name, NULL),
                      now_ns - lane->opened_ns);
    tally_commit(&lane->tally, metrics, name, lane->kind->has_replies);
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
    if (refusal != NULL)
        return outputs_refuse(lane->outputs, message, refusal, why);
    size_t at = held_at(lane, message->partition);
    int generation = at < lane->held_count ? lane->generations[at] : 1;
    return outputs_send(lane->outputs, message, change, generation, why);
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

// The bulk lane makes way for the others.
static bool yields(const struct lane *lane)
{
    return lane->kind->is_bulk && activity_is_recent(lane->options.activity, clock_mono_ms());
}

static bool is_due(const struct lane *lane, bool is_drained)
{
    const struct decide_commit rule = {.drain_ms = lane->kind->drain_ms,
                                       .interval_ms = lane->options.commit_interval_ms,
                                       .bytes = lane->options.transaction_bytes};
    int64_t age_ms = (clock_mono_ns() - lane->opened_ns) / 1000000;
    return lane->next_count == PARTITIONS_MAX ||
           decide_is_due(&rule, age_ms, lane->tally.bytes, is_drained, yields(lane));
}

// Inside of a block: a model may take long, and a transaction that stays open for too long is lost,
// with all that would be done again.
static bool is_due_within(const struct lane *lane, size_t at)
{
    return lane->next_count == PARTITIONS_MAX ||
           (at % LOOK_EVERY == 0 && lane->is_open && is_due(lane, false));
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
        err = is_due_within(lane, i) ? commit(lane, why) : ERR_OK;
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
        CRASH_POINT("sent");
        advance(lane, message);
    }
    return ERR_OK;
}

// A few milliseconds at most, so a stop need not end it.
static void pause_before_begin(const struct lane *lane)
{
    if (lane->is_open || !lane->was_drained)
        return;
    int64_t pause_us = bus_producer_pause_us(lane->producer);
    const struct timespec pause = {.tv_nsec = pause_us * 1000};
    if (pause_us > 0)
        nanosleep(&pause, NULL);
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

// Nothing has come for a while: the group's offsets move behind the marks of transactions, too.
static enum err commit_ends(struct lane *lane, struct why *why)
{
    enum err err = bus_producer_commit_ends(lane->producer, lane->consumer, why);
    count_transactions(lane);
    if (err != ERR_RETRY)
        return err;
    struct why cause = *why;
    err = rewind_input(lane, why);
    return err == ERR_OK ? health_wait(&lane->health, "kafka", &cause) : err;
}

static enum err turn(struct lane *lane, struct why *why)
{
    health_turn(&lane->health);
    pause_before_begin(lane);
    struct bus_block block;
    enum err err =
        bus_consumer_poll(lane->consumer, yields(lane) ? DECIDE_YIELD_MESSAGES : BLOCK_MESSAGES,
                          lane->is_open ? lane->kind->drain_ms : IDLE_MS, &block, why);
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
    if (!is_drained && !lane->kind->is_bulk)
        activity_note(lane->options.activity, clock_mono_ms());
    CRASH_POINT("polled");
    if (!is_drained)
        err = work(lane, &block, why);
    bus_block_release(lane->consumer, &block);
    if (err == ERR_OK && lane->is_open && is_due(lane, is_drained)) {
        lane->was_drained = is_drained || yields(lane);
        err = commit(lane, why);
        if (err == ERR_RETRY)
            err = health_wait(&lane->health, "kafka", why);
    }
    struct why cause = {0};
    if (!bus_consumer_is_connected(lane->consumer, &cause))
        health_set(&lane->health, &cause);
    else if (err == ERR_OK && is_drained && !lane->is_open) {
        goes_on(lane);
        err = commit_ends(lane, why);
    }
    return err;
}

static void on_kafka_wait(void *context, const struct why *why)
{
    struct lane *lane = context;
    health_tell(&lane->health, "kafka", why);
}

static enum err open_producer(struct lane *lane, struct why *why)
{
    const struct bus_producer_options options = {.transactional_id = lane->identity,
                                                 .linger_ms = lane->kind->linger_ms,
                                                 .retry_ms = lane->kind->retry_ms,
                                                 .on_wait = on_kafka_wait,
                                                 .context = lane};
    enum err err = bus_producer_open(lane->options.bus, &options, &lane->producer, why);
    // Also warms the metadata, without which the first transaction takes a second.
    const char *topic = NULL;
    int32_t partitions = 0;
    for (size_t i = 0; err == ERR_OK && (topic = outputs_topic(lane->outputs, i)) != NULL; i++) {
        err = bus_producer_partitions(lane->producer, topic, &partitions, why);
        while (err == ERR_RETRY) {
            if (health_wait(&lane->health, "kafka", why) != ERR_OK)
                return ERR_STOP;
            err = bus_producer_partitions(lane->producer, topic, &partitions, why);
        }
    }
    outputs_use(lane->outputs, lane->producer, partitions);
    return err;
}

static enum err owns_place(void *context, struct why *why)
{
    struct lane *lane = context;
    enum err err = bus_producer_owns_id(lane->producer, outputs_topic(lane->outputs, 0), why);
    count_transactions(lane);
    return err;
}

static enum err open_consumer(struct lane *lane, struct why *why)
{
    const char *const topics[] = {lane->topic};
    const struct bus_consumer_options options = {.group = lane->group,
                                                 .instance_id = lane->identity,
                                                 .topics = topics,
                                                 .topic_count = 1,
                                                 .owns_place = owns_place,
                                                 .context = lane,
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
