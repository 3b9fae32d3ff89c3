// SPDX-License-Identifier: MIT
#include "recorder_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro/records.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "domain/storable.h"
#include "metrics.h"
#include "registry/decoder.h"
#include "store/copy.h"
#include "store/high_risk.h"
#include "store/requests.h"
#include "store/retention_plans.h"

// Handlers only decode, check and append; nothing is written before the whole block is read. The
// check of a change is that of the scoring lane, so both refuse the same records, and what a lane
// has sent to dead-letters is not in the tables either.

enum {
    REASONS_MAX = 32,
    FACTS_BYTES = 64 * 1024,
    ROWS_BYTES_MAX = 64 * 1024 * 1024,
    CORRELATION_MAX = 128,
    ERROR_CODE_MAX = 64,
    HEADER_MAX = 64 * 1024
};
#define DAY_MS INT64_C(86400000)

struct skipped {
    enum bus_topic topic;
    char code[40];
    uint64_t count;
};

struct recorder_batch {
    const struct features *features;
    struct decoder *prediction_decoder;
    struct avro_field *employee_fields;
    size_t employee_field_count;
    struct decoder *employee_decoder;
    struct decoder *high_risk_decoder;
    struct decoder *plan_decoder;
    struct predictions_writer *predictions_writer;
    struct employees_writer *employees_writer;
    struct predictions_record *predictions;
    size_t prediction_count;
    struct employees_record *employees;
    size_t employee_count;
    struct value *values; // employee_field_count for each of `employees`
    struct high_risk_record *high_risks;
    size_t high_risk_count;
    struct arena facts; // of `high_risks`
    struct plan *plans;
    size_t plan_count;
    struct requests_reply *replies;
    size_t reply_count;
    struct copy rows;
    struct skipped skipped[REASONS_MAX];
    size_t skipped_count;
    // By the last recorder_batch_store:
    struct predictions_result stored;
    struct append_result stored_facts, stored_plans;
    size_t changed_employees, completed_requests;
};

// ---- predictions

static enum err read_time_header(const struct bus_message *message, const char *name, int64_t *ret,
                                 struct why *why)
{
    struct bytes text = {0};
    if (!bus_message_header(message, name, &text) || text.data == NULL)
        return why_code(why, ERR_REJECT, "bad-departure", "a null value has no header %s", name);
    enum err err = parse_i64(text, 0, INT64_MAX, ret, why);
    return err == ERR_OK ? ERR_OK
                         : why_code(why, ERR_REJECT, "bad-departure",
                                    "the header %s of a null value is no time", name);
}

// A null value: the person left. What it needs to take part in the order is in its headers.
static enum err read_departure(const struct bus_message *message, struct predictions_record *record,
                               struct why *why)
{
    record->is_departure = true;
    record->prediction.employee_id = message->key;
    enum err err = read_time_header(message, "event_time", &record->prediction.event_time_ms, why);
    if (err == ERR_OK)
        err = read_time_header(message, "scored_at", &record->prediction.scored_at_ms, why);
    return err;
}

static enum err read_score(struct recorder_batch *batch, const struct bus_message *message,
                           struct predictions_record *record, struct why *why)
{
    struct value values[AVRO_PREDICTION_FIELDS];
    enum err err = decoder_run(batch->prediction_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_prediction_from_values(values, &record->prediction, why);
    if (err == ERR_OK && !bytes_equal(message->key, record->prediction.employee_id))
        err = why_code(why, ERR_REJECT, "key-mismatch", "the record's key is not its employee_id");
    return err;
}

static enum err add_prediction(struct recorder_batch *batch,
                               const struct recorder_topic *topic UNUSED,
                               const struct bus_message *message, int32_t generation UNUSED,
                               struct why *why)
{
    struct predictions_record *record = &batch->predictions[batch->prediction_count];
    *record = (struct predictions_record){
        .change = CHANGE_UPDATED, .partition = message->partition, .offset = message->offset};
    struct bytes change = {0};
    if (bus_message_header(message, "change", &change))
        IGNORE(change_from_text(change, &record->change)); // an unknown word is no `created`
    enum err err = message->value.data == NULL ? read_departure(message, record, why)
                                               : read_score(batch, message, record, why);
    if (err == ERR_OK)
        err = predictions_check(record, why);
    if (err == ERR_OK)
        batch->prediction_count++;
    return err;
}

// ---- employee-changes, score-requests

static enum err add_employee(struct recorder_batch *batch, const struct recorder_topic *topic,
                             const struct bus_message *message, int32_t generation, struct why *why)
{
    struct employees_record *record = &batch->employees[batch->employee_count];
    struct value *values = batch->values + batch->employee_count * batch->employee_field_count;
    enum err err = decoder_run(batch->employee_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_employee_from_values(values, &record->change, why);
    if (err == ERR_OK)
        err = employee_check(batch->features, &record->change, message->key, message->timestamp_ms,
                             why);
    if (err != ERR_OK)
        return err;
    record->key = (struct employee_key){.event_time_ms = record->change.event_time_ms,
                                        .topic_rank = topic->rank,
                                        .generation = generation,
                                        .offset = message->offset,
                                        .partition = message->partition};
    batch->employee_count++;
    return ERR_OK;
}

// ---- high-risk

static enum err add_high_risk(struct recorder_batch *batch,
                              const struct recorder_topic *topic UNUSED,
                              const struct bus_message *message, int32_t generation UNUSED,
                              struct why *why)
{
    struct high_risk_record *record = &batch->high_risks[batch->high_risk_count];
    struct value values[AVRO_HIGH_RISK_FIELDS];
    struct bytes facts[PLAN_FACTS_MAX][2];
    enum err err = decoder_run(batch->high_risk_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_high_risk_from_values(values, &record->prediction, facts, &record->fact_count,
                                         why);
    if (err == ERR_OK && !bytes_equal(message->key, record->prediction.employee_id))
        err = why_code(why, ERR_REJECT, "key-mismatch", "the record's key is not its employee_id");
    record->facts = (const struct bytes(*)[2])facts;
    if (err == ERR_OK)
        err = high_risk_check(record, why);
    if (err != ERR_OK)
        return err;
    size_t bytes = record->fact_count * sizeof *facts;
    struct bytes(*kept)[2] = arena_take(&batch->facts, bytes);
    memcpy(kept, facts, bytes);
    record->facts = (const struct bytes(*)[2])kept;
    batch->high_risk_count++;
    return ERR_OK;
}

// ---- retention-plans

static enum err add_plan(struct recorder_batch *batch, const struct recorder_topic *topic UNUSED,
                         const struct bus_message *message, int32_t generation UNUSED,
                         struct why *why)
{
    struct plan *plan = &batch->plans[batch->plan_count];
    struct value values[AVRO_PLAN_FIELDS];
    if (message->value.data == NULL) // erased on the topic; rows are not deleted yet
        return ERR_OK;
    enum err err = decoder_run(batch->plan_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_plan_from_values(values, plan, why);
    if (err == ERR_OK && !bytes_equal(message->key, plan->employee_id))
        err = why_code(why, ERR_REJECT, "key-mismatch", "the record's key is not its employee_id");
    if (err == ERR_OK)
        err = plan_check(plan, why);
    if (err == ERR_OK)
        batch->plan_count++;
    return err;
}

// ---- prediction-replies, plan-replies

static struct bytes text_header(const struct bus_message *message, const char *name, size_t max)
{
    struct bytes text = {0};
    bool is_there = bus_message_header(message, name, &text);
    return is_there && storable_text(text, max) ? text : (struct bytes){0};
}

// What every reply has. The row is that of the gateway whose id it is; a stranger may ask under an
// id that is none of a row.
static enum err begin_reply(struct recorder_batch *batch, const struct bus_message *message,
                            enum requests_kind kind, struct requests_reply **ret, struct why *why)
{
    if (!storable_id(message->key, CORRELATION_MAX))
        return why_code(why, ERR_REJECT, "bad-correlation-id",
                        "the key of a reply is no correlation id that a row can have");
    struct requests_reply *reply = *ret = &batch->replies[batch->reply_count];
    *reply = (struct requests_reply){.id = message->key,
                                     .kind = kind,
                                     .created_at_ms = message->timestamp_ms,
                                     .completed_at_ms = message->timestamp_ms};
    return ERR_OK;
}

static enum err read_error_reply(const struct bus_message *message, struct requests_reply *reply,
                                 struct why *why)
{
    reply->error_code = text_header(message, "error", ERROR_CODE_MAX);
    reply->error_text = text_header(message, "error_text", HEADER_MAX);
    return reply->error_code.len > 0
               ? ERR_OK
               : why_code(why, ERR_REJECT, "bad-reply", "a reply has neither a value nor an error");
}

static enum err read_score_reply(struct recorder_batch *batch, const struct bus_message *message,
                                 struct requests_reply *reply, struct why *why)
{
    struct value values[AVRO_PREDICTION_FIELDS];
    struct predictions_record record = {.change = CHANGE_UPDATED};
    enum err err = decoder_run(batch->prediction_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_prediction_from_values(values, &record.prediction, why);
    if (err == ERR_OK)
        err = predictions_check(&record, why);
    reply->user_id = record.prediction.requested_by;
    reply->employee_id = record.prediction.employee_id;
    reply->result_id = record.prediction.prediction_id;
    reply->missing_inputs = text_header(message, "missing_inputs", HEADER_MAX);
    return err;
}

static enum err add_prediction_reply(struct recorder_batch *batch,
                                     const struct recorder_topic *topic UNUSED,
                                     const struct bus_message *message, int32_t generation UNUSED,
                                     struct why *why)
{
    struct requests_reply *reply = NULL;
    enum err err = begin_reply(batch, message, REQUESTS_PREDICT, &reply, why);
    if (err == ERR_OK)
        err = message->value.data == NULL ? read_error_reply(message, reply, why)
                                          : read_score_reply(batch, message, reply, why);
    if (err == ERR_OK)
        batch->reply_count++;
    return err;
}

// A refused plan is a plan, too: its row says why.
static enum err add_plan_reply(struct recorder_batch *batch,
                               const struct recorder_topic *topic UNUSED,
                               const struct bus_message *message, int32_t generation UNUSED,
                               struct why *why)
{
    struct requests_reply *reply = NULL;
    struct value values[AVRO_PLAN_FIELDS];
    struct plan plan;
    enum err err = begin_reply(batch, message, REQUESTS_PLAN, &reply, why);
    if (err == ERR_OK)
        err = decoder_run(batch->plan_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_plan_from_values(values, &plan, why);
    if (err == ERR_OK)
        err = plan_check(&plan, why);
    if (err != ERR_OK)
        return err;
    reply->user_id = plan.requested_by;
    reply->employee_id = plan.employee_id;
    reply->result_id = plan.plan_id;
    batch->reply_count++;
    return ERR_OK;
}

size_t recorder_topics(const struct recorder_topic **ret)
{
    static const struct recorder_topic topics[] = {
        {.topic = BUS_TOPIC_PREDICTIONS,
         .is_compacted = true,
         .compaction_lag_ms = 30 * DAY_MS,
         .add = add_prediction},
        {.topic = BUS_TOPIC_EMPLOYEE_CHANGES,
         .rank = TOPIC_RANK_EMPLOYEE_CHANGES,
         .add = add_employee},
        {.topic = BUS_TOPIC_SCORE_REQUESTS, .rank = TOPIC_RANK_SCORE_REQUESTS, .add = add_employee},
        {.topic = BUS_TOPIC_HIGH_RISK, .add = add_high_risk},
        {.topic = BUS_TOPIC_RETENTION_PLANS,
         .is_compacted = true,
         .compaction_lag_ms = 30 * DAY_MS,
         .add = add_plan},
        {.topic = BUS_TOPIC_PREDICTION_REPLIES, .add = add_prediction_reply},
        {.topic = BUS_TOPIC_PLAN_REPLIES, .add = add_plan_reply},
    };
    *ret = topics;
    return ARRAY_LEN(topics);
}

// ---- the batch

enum err recorder_batch_new(const struct features *features, struct registry *registry,
                            struct recorder_batch **ret, struct why *why)
{
    CLEANUP(recorder_batch_free_p) struct recorder_batch *batch = mem_zalloc(sizeof *batch);
    const struct risk_policy policy = risk_policy_default();
    batch->features = features;
    batch->prediction_decoder =
        decoder_new(registry, avro_prediction_fields, AVRO_PREDICTION_FIELDS);
    batch->employee_fields = avro_employee_fields(features, &batch->employee_field_count);
    batch->employee_decoder =
        decoder_new(registry, batch->employee_fields, batch->employee_field_count);
    batch->high_risk_decoder = decoder_new(registry, avro_high_risk_fields, AVRO_HIGH_RISK_FIELDS);
    batch->plan_decoder = decoder_new(registry, avro_plan_fields, AVRO_PLAN_FIELDS);
    batch->predictions_writer = predictions_writer_new(&policy);
    batch->predictions = mem_array(RECORDER_BATCH_MAX, sizeof *batch->predictions);
    batch->employees = mem_array(RECORDER_BATCH_MAX, sizeof *batch->employees);
    batch->values =
        mem_array(RECORDER_BATCH_MAX * batch->employee_field_count, sizeof *batch->values);
    batch->high_risks = mem_array(RECORDER_BATCH_MAX, sizeof *batch->high_risks);
    batch->plans = mem_array(RECORDER_BATCH_MAX, sizeof *batch->plans);
    batch->replies = mem_array(RECORDER_BATCH_MAX, sizeof *batch->replies);
    arena_init(&batch->facts, FACTS_BYTES);
    copy_init(&batch->rows, ROWS_BYTES_MAX);
    enum err err = employees_writer_new(features, &batch->employees_writer, why);
    if (err == ERR_OK)
        *ret = TAKE(batch);
    return err;
}

void recorder_batch_free(struct recorder_batch *batch)
{
    if (batch == NULL)
        return;
    decoder_free(batch->prediction_decoder);
    decoder_free(batch->employee_decoder);
    decoder_free(batch->high_risk_decoder);
    decoder_free(batch->plan_decoder);
    free(batch->employee_fields);
    predictions_writer_free(batch->predictions_writer);
    employees_writer_free(batch->employees_writer);
    free(batch->predictions);
    free(batch->employees);
    free(batch->values);
    free(batch->high_risks);
    free(batch->plans);
    free(batch->replies);
    arena_done(&batch->facts);
    copy_done(&batch->rows);
    free(batch);
}

void recorder_batch_clear(struct recorder_batch *batch)
{
    batch->prediction_count = 0;
    batch->employee_count = 0;
    batch->high_risk_count = 0;
    batch->plan_count = 0;
    batch->reply_count = 0;
    arena_reset(&batch->facts);
    batch->skipped_count = 0;
    batch->stored = (struct predictions_result){0};
    batch->stored_facts = batch->stored_plans = (struct append_result){0};
    batch->changed_employees = batch->completed_requests = 0;
}

static void count_skipped(struct recorder_batch *batch, enum bus_topic topic, const char *code)
{
    size_t i = 0;
    while (i < batch->skipped_count &&
           (batch->skipped[i].topic != topic || strcmp(batch->skipped[i].code, code) != 0))
        i++;
    if (i == REASONS_MAX)
        i = REASONS_MAX - 1;
    if (i == batch->skipped_count) {
        batch->skipped_count++;
        batch->skipped[i] = (struct skipped){.topic = topic};
        snprintf(batch->skipped[i].code, sizeof batch->skipped[i].code, "%s", code);
    }
    batch->skipped[i].count++;
}

enum err recorder_batch_add(struct recorder_batch *batch, const struct recorder_topic *topic,
                            const struct bus_message *message, int32_t generation, struct why *why)
{
    enum err err = topic->add(batch, topic, message, generation, why);
    if (err == ERR_REJECT) {
        count_skipped(batch, topic->topic, why->code);
        log_debug("recorder-skipped", "topic=%s partition=%d offset=%" PRId64 " code=%s",
                  message->topic, message->partition, message->offset, why->code);
    }
    return err;
}

enum err recorder_batch_prepare(struct recorder_batch *batch, struct pg *pg, struct why *why)
{
    enum err err = predictions_prepare(batch->predictions_writer, pg, why);
    return err != ERR_OK ? err : employees_prepare(batch->employees_writer, pg, why);
}

enum err recorder_batch_store(struct recorder_batch *batch, struct pg *pg, bool is_careful,
                              struct why *why)
{
    enum err err = ERR_OK;
    if (batch->prediction_count > 0)
        err = predictions_store(batch->predictions_writer, pg, batch->predictions,
                                batch->prediction_count, is_careful, &batch->stored, why);
    if (err == ERR_OK && batch->employee_count > 0)
        err = employees_store(batch->employees_writer, pg, batch->employees, batch->employee_count,
                              &batch->changed_employees, why);
    if (err == ERR_OK && batch->high_risk_count > 0)
        err = high_risk_store(pg, batch->high_risks, batch->high_risk_count, &batch->rows,
                              is_careful, &batch->stored_facts, why);
    if (err == ERR_OK && batch->plan_count > 0)
        err = retention_plans_store(pg, batch->plans, batch->plan_count, &batch->rows, is_careful,
                                    &batch->stored_plans, why);
    if (err == ERR_OK && batch->reply_count > 0)
        err = requests_complete(pg, batch->replies, batch->reply_count, &batch->completed_requests,
                                why);
    return err;
}

static void add_if(struct metrics *metrics, enum metric_id id, const char *label1,
                   const char *label2, uint64_t by)
{
    if (by > 0)
        metric_add(metrics_cell(metrics, id, label1, label2), by);
}

size_t recorder_batch_count(const struct recorder_batch *batch, struct metrics *metrics)
{
    const struct predictions_result *stored = &batch->stored;
    const struct append_result *facts = &batch->stored_facts, *plans = &batch->stored_plans;
    size_t conflicts = stored->conflicts + facts->conflicts + plans->conflicts;
    add_if(metrics, METRIC_RECORDER_ROWS, "predictions_history", NULL, stored->stored);
    add_if(metrics, METRIC_RECORDER_ROWS, "employee", NULL, batch->changed_employees);
    add_if(metrics, METRIC_RECORDER_ROWS, "high_risk_facts", NULL, facts->stored);
    add_if(metrics, METRIC_RECORDER_ROWS, "retention_plan", NULL, plans->stored);
    add_if(metrics, METRIC_RECORDER_ROWS, "http_request", NULL, batch->completed_requests);
    add_if(metrics, METRIC_RECORDER_DEPARTURES, NULL, NULL, stored->departures);
    add_if(metrics, METRIC_RECORDER_DUPLICATES, NULL, NULL,
           stored->duplicates + facts->duplicates + plans->duplicates);
    add_if(metrics, METRIC_RECORDER_CONFLICTS, NULL, NULL, conflicts);
    add_if(metrics, METRIC_RECORDER_STALE, NULL, NULL, stored->stale);
    add_if(metrics, METRIC_RECORDER_EPISODES, "opened", NULL, stored->opened);
    add_if(metrics, METRIC_RECORDER_EPISODES, "closed", NULL, stored->closed);
    for (size_t i = 0; i < batch->skipped_count; i++)
        add_if(metrics, METRIC_RECORDER_SKIPPED, bus_topics[batch->skipped[i].topic].name,
               batch->skipped[i].code, batch->skipped[i].count);
    return conflicts;
}
