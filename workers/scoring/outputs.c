// SPDX-License-Identifier: MIT
#include "outputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "avro/encode.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/deadletter.h"
#include "bus/partition.h"
#include "bus/topics.h"
#include "decide.h"
#include "domain/employee_state.h"
#include "domain/source.h"
#include "reply.h"

// A reply is in the transaction of what it tells of: whoever has read it can rely on the rest. It
// holds the prediction that stands on `predictions`, under the schema id of its own subject.

enum {
    ENCODED_MAX = 2 * 1024 * 1024,
    REASONS_MAX = 1500,
    MISSING_MAX = 64 * 1024,
    HEADERS_MAX = 8,
};

enum { TO_PREDICTIONS, TO_HIGH_RISK, TO_DEAD_LETTERS, TO_REPLIES, TOPICS };

struct outputs {
    struct outputs_options options;
    char *topics[TOPICS]; // the last one only with replies
    struct bus_producer *producer;
    int32_t partitions;
    struct decide_places places;
    const struct model *model; // of the open transaction
    struct model_block *block; // one row: scoring allocates nothing
    size_t *missing;           // inputs of the model
    struct text encoded, missing_names;
};

struct outputs *outputs_new(const struct outputs_options *options)
{
    static const enum bus_topic topics[TOPICS] = {
        [TO_PREDICTIONS] = BUS_TOPIC_PREDICTIONS,
        [TO_HIGH_RISK] = BUS_TOPIC_HIGH_RISK,
        [TO_DEAD_LETTERS] = BUS_TOPIC_DEAD_LETTERS,
        [TO_REPLIES] = BUS_TOPIC_PREDICTION_REPLIES,
    };
    struct outputs *outputs = mem_zalloc(sizeof *outputs);
    outputs->options = *options;
    for (size_t i = 0; i < TOPICS; i++)
        outputs->topics[i] = bus_topic_name(options->topic_prefix, topics[i]);
    outputs->places = decide_places_of(options->features);
    outputs->missing = mem_array(options->features->count, sizeof *outputs->missing);
    outputs->encoded = TEXT_INIT(ENCODED_MAX);
    outputs->missing_names = TEXT_INIT(MISSING_MAX);
    return outputs;
}

void outputs_free(struct outputs *outputs)
{
    if (outputs == NULL)
        return;
    model_block_free(outputs->block);
    live_model_give(outputs->options.model, outputs->model);
    for (size_t i = 0; i < TOPICS; i++)
        free(outputs->topics[i]);
    free(outputs->missing);
    text_done(&outputs->encoded);
    text_done(&outputs->missing_names);
    free(outputs);
}

const char *outputs_topic(const struct outputs *outputs, size_t index)
{
    size_t count = outputs->options.has_replies ? TOPICS : TO_REPLIES;
    return index < count ? outputs->topics[index] : NULL;
}

void outputs_use(struct outputs *outputs, struct bus_producer *producer, int32_t partitions)
{
    outputs->producer = producer;
    outputs->partitions = partitions;
}

// A transaction is of one model.
void outputs_begin(struct outputs *outputs)
{
    const struct model *model = live_model_take(outputs->options.model);
    if (model != outputs->model) {
        model_block_free(outputs->block);
        outputs->block = model_block_new(model, 1);
    }
    live_model_give(outputs->options.model, outputs->model);
    outputs->model = model;
}

// ---- sending

// A record with room for headers; the trace goes with everything.
struct output {
    struct bus_record record;
    struct bus_header headers[HEADERS_MAX];
};

static void add_header(struct output *output, const char *name, struct bytes value)
{
    output->headers[output->record.header_count++] = (struct bus_header){name, value};
}

static struct output output_for(const struct outputs *outputs, size_t topic, struct bytes key,
                                struct bytes value, const struct bus_message *cause)
{
    struct output output = {.record = {.topic = outputs->topics[topic],
                                       .partition = bus_partition(key, outputs->partitions),
                                       .key = key,
                                       .value = value}};
    struct bytes trace = reply_trace(cause);
    if (trace.data != NULL)
        add_header(&output, "traceparent", trace);
    return output;
}

static enum err send(struct outputs *outputs, struct output *output, struct why *why)
{
    output->record.headers = output->headers;
    enum err err = bus_producer_send(outputs->producer, &output->record, why);
    // What we wrote ourselves is never too large: that would be our bug.
    return err == ERR_REJECT ? ERR_FATAL : err;
}

// ---- replies

// Where to answer: false where nobody waits, or the address is none.
static bool find_reply(struct outputs *outputs, const struct bus_message *message,
                       struct reply_to *ret)
{
    if (!outputs->options.has_replies)
        return false;
    const struct reply_headers headers = reply_headers_of(message);
    enum reply_address found =
        reply_read(&headers, outputs->topics[TO_REPLIES], outputs->partitions, ret);
    if (found == REPLY_BAD_ADDRESS)
        log_debug("bad-reply-address", "topic=%s partition=%d offset=%" PRId64, message->topic,
                  message->partition, message->offset);
    if (found != REPLY_GOOD_ADDRESS)
        tally_reply(outputs->options.tally,
                    found == REPLY_BAD_ADDRESS ? TALLY_BAD_ADDRESS : TALLY_NO_ADDRESS);
    return found == REPLY_GOOD_ADDRESS;
}

static struct output reply_for(const struct outputs *outputs, const struct reply_to *to,
                               struct bytes value, const struct bus_message *cause)
{
    struct output output = output_for(outputs, TO_REPLIES, to->correlation_id, value, cause);
    output.record.partition = to->partition;
    add_header(&output, "kafka_correlationId", to->correlation_id);
    return output;
}

static enum err reply_error(struct outputs *outputs, const struct bus_message *message,
                            const char *code, const char *text, struct why *why)
{
    struct reply_to to;
    if (!find_reply(outputs, message, &to))
        return ERR_OK;
    struct output output = reply_for(outputs, &to, (struct bytes){0}, message);
    add_header(&output, "error", bytes_from_string(code));
    add_header(&output, "error_text", bytes_from_string(text));
    tally_reply(outputs->options.tally, TALLY_ERROR_REPLY);
    return send(outputs, &output, why);
}

// The names of the inputs that were null, with commas between.
static enum err name_missing(struct outputs *outputs, const struct employee_change *change)
{
    struct text *names = &outputs->missing_names;
    size_t count = model_missing(outputs->model, change->attributes, outputs->missing);
    enum err err = ERR_OK;
    text_clear(names);
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        err = text_printf(names, "%s%s", i == 0 ? "" : ",",
                          outputs->options.features->attributes[outputs->missing[i]].name);
    return err;
}

static enum err reply_score(struct outputs *outputs, const struct bus_message *message,
                            const struct employee_change *change,
                            const struct prediction *prediction, struct why *why)
{
    struct reply_to to;
    if (!find_reply(outputs, message, &to))
        return ERR_OK;
    text_clear(&outputs->encoded);
    if (avro_encode_prediction(outputs->options.reply_schema_id, prediction, &outputs->encoded,
                               why) != ERR_OK ||
        name_missing(outputs, change) != ERR_OK)
        return ERR_FATAL; // bounded by employee_check and by the features file
    struct output output = reply_for(outputs, &to, text_bytes(&outputs->encoded), message);
    struct bytes names = text_bytes(&outputs->missing_names);
    add_header(&output, "missing_inputs", names.data == NULL ? bytes_from_string("") : names);
    tally_reply(outputs->options.tally, TALLY_PREDICTION_REPLY);
    return send(outputs, &output, why);
}

// ---- what an event becomes

// left, erased: a null value, with what it needs to take part in the order in its headers.
static enum err send_departure(struct outputs *outputs, const struct bus_message *message,
                               const struct employee_change *change, struct why *why)
{
    char event_time[24], scored_at[24];
    snprintf(event_time, sizeof event_time, "%" PRId64, change->event_time_ms);
    snprintf(scored_at, sizeof scored_at, "%" PRId64, clock_real_ms());
    struct output output =
        output_for(outputs, TO_PREDICTIONS, change->employee_id, (struct bytes){0}, message);
    add_header(&output, "event_id", change->event_id);
    add_header(&output, "event_time", bytes_from_string(event_time));
    add_header(&output, "change", bytes_from_string(change_name(change->change)));
    add_header(&output, "scored_at", bytes_from_string(scored_at));
    outputs->options.tally->departures++;
    enum err err = send(outputs, &output, why);
    return err == ERR_OK ? reply_error(outputs, message, "employee-left",
                                       "the employee has left: there is nothing to score", why)
                         : err;
}

// Why there is no number, for whoever looks for it: names of attributes, never a person's values.
static void tell_unknown(const struct outputs *outputs, const struct bus_message *message,
                         const struct employee_change *change)
{
    CLEANUP(text_done) struct text reasons = TEXT_INIT(REASONS_MAX);
    // What is over the ceiling of a log line is missed by nobody.
    IGNORE(model_describe(outputs->model, change->attributes, &reasons));
    log_debug("band-unknown", "topic=%s partition=%d offset=%" PRId64 " why=\"%s\"", message->topic,
              message->partition, message->offset, text_string(&reasons));
}

// With the bands that a plan may be told of, never with the values.
static enum err send_high_risk(struct outputs *outputs, const struct prediction *prediction,
                               const struct bus_message *message,
                               const struct employee_change *change, struct why *why)
{
    const struct outputs_options *options = &outputs->options;
    struct bytes facts[FACTS_MAX][2];
    size_t count = facts_of(options->features, options->facts, change->attributes, facts);
    text_clear(&outputs->encoded);
    if (avro_encode_high_risk(options->high_risk_schema_id, prediction,
                              (const struct bytes(*)[2])facts, count, &outputs->encoded,
                              why) != ERR_OK)
        return ERR_FATAL;
    struct output output = output_for(outputs, TO_HIGH_RISK, change->employee_id,
                                      text_bytes(&outputs->encoded), message);
    return send(outputs, &output, why);
}

static enum err send_prediction(struct outputs *outputs, const struct prediction *prediction,
                                const struct bus_message *message,
                                const struct employee_change *change, struct why *why)
{
    text_clear(&outputs->encoded);
    if (avro_encode_prediction(outputs->options.prediction_schema_id, prediction, &outputs->encoded,
                               why) != ERR_OK)
        return ERR_FATAL; // every part of it was bounded by employee_check
    struct output output = output_for(outputs, TO_PREDICTIONS, change->employee_id,
                                      text_bytes(&outputs->encoded), message);
    // A departed employee comes back with `created`: readers must see that it is one.
    if (change->change == CHANGE_CREATED)
        add_header(&output, "change", bytes_from_string(change_name(CHANGE_CREATED)));
    return send(outputs, &output, why);
}

static enum err send_score(struct outputs *outputs, const struct bus_message *message,
                           const struct employee_change *change, int generation, struct why *why)
{
    const struct outputs_options *options = &outputs->options;
    char id[SOURCE_ID_MAX];
    size_t id_len = source_id(message->topic, generation, message->partition, message->offset, id);
    struct score score;
    struct prediction prediction;
    model_block_clear(outputs->block);
    model_block_put(outputs->block, change->attributes);
    model_block_score(outputs->block, true, &score);
    decide_prediction(options->features, &outputs->places, outputs->model, change, &score, message,
                      bytes_of(id, id_len), clock_real_ms(), options->trigger, &prediction);
    enum err err = send_prediction(outputs, &prediction, message, change, why);
    if (err == ERR_OK && prediction.band == BAND_HIGH)
        err = send_high_risk(outputs, &prediction, message, change, why);
    if (err == ERR_OK)
        err = reply_score(outputs, message, change, &prediction, why);
    tally_score(options->tally, &score);
    if (score.band == BAND_UNKNOWN)
        tell_unknown(outputs, message, change);
    return err;
}

enum err outputs_send(struct outputs *outputs, const struct bus_message *message,
                      const struct employee_change *change, int generation, struct why *why)
{
    outputs->options.tally->foreign +=
        message->partition != bus_partition(change->employee_id, outputs->partitions);
    return change_is_departure(change->change)
               ? send_departure(outputs, message, change, why)
               : send_score(outputs, message, change, generation, why);
}

enum err outputs_refuse(struct outputs *outputs, const struct bus_message *message,
                        const struct why *refusal, struct why *why)
{
    tally_refusal(outputs->options.tally, refusal->code);
    log_debug("dead-letter", "topic=%s partition=%d offset=%" PRId64 " code=%s", message->topic,
              message->partition, message->offset, refusal->code);
    enum err err = bus_deadletter_send(outputs->producer, outputs->topics[TO_DEAD_LETTERS], message,
                                       "retentionai-scoring", refusal, why);
    if (err == ERR_OK)
        err = reply_error(outputs, message, refusal->code, refusal->text, why);
    return err == ERR_REJECT ? ERR_FATAL : err;
}
