// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "avro/records.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/deadletter.h"
#include "bus/topics.h"
#include "domain/source.h"
#include "metrics.h"
#include "parts.h"
#include "store/predictions.h"

// From a message to a task. Of a high-risk record the banded facts and the reasons are kept as
// places in the features file: no text that came with it can reach a prompt.

enum { CORRELATION_MAX = 128, TRACEPARENT_MAX = 128 };

static enum err read_high_risk(struct retention *retention, const struct bus_message *message,
                               struct task *task, struct why *why)
{
    struct value values[AVRO_HIGH_RISK_FIELDS];
    struct bytes facts[PLAN_FACTS_MAX][2];
    struct basis_record record = {.facts = (const struct bytes(*)[2])facts, .band = BAND_HIGH};
    struct predictions_record row = {.change = CHANGE_UPDATED};
    struct prediction *prediction = &row.prediction;
    enum err err = decoder_run(retention->high_risk_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_high_risk_from_values(values, prediction, facts, &record.fact_count, why);
    if (err == ERR_OK)
        err = predictions_check(&row, why);
    if (err == ERR_OK && !bytes_equal(message->key, prediction->employee_id))
        err = why_code(why, ERR_REJECT, "key-mismatch",
                       "the record's key is not the employee_id in it");
    if (err != ERR_OK)
        return err;
    task->prediction_id = task_text(prediction->prediction_id);
    task->employee_id = task_text(prediction->employee_id);
    task->requested_by = task_text(prediction->requested_by);
    task->language = retention->options.language;
    record.probability = prediction->churn_probability;
    for (size_t i = 0; i < PREDICTION_REASONS; i++)
        record.reasons[i] =
            (struct basis_reason){prediction->reasons[i].attribute, prediction->reasons[i].weight};
    basis_of(retention->options.features, retention->options.facts, &record, task->language,
             &task->basis);
    task->has_basis = true;
    return ERR_OK;
}

// The address is the asker's own affair: one that is none is counted, and the plan is made.
static void read_reply(struct retention *retention, const struct bus_message *message,
                       struct task_reply *ret)
{
    struct bytes topic = {0}, partition = {0}, correlation = {0};
    if (!bus_message_header(message, "kafka_replyTopic", &topic))
        return;
    bool is_good = bytes_equal_string(topic, retention->replies) &&
                   bus_message_header(message, "kafka_replyPartition", &partition) &&
                   partition.len == 4 &&
                   bus_message_header(message, "kafka_correlationId", &correlation) &&
                   correlation.len > 0 && correlation.len <= CORRELATION_MAX;
    uint32_t number = 0;
    for (size_t i = 0; is_good && i < partition.len; i++)
        number = number << 8 | partition.data[i];
    if (!is_good || number >= (uint32_t)retention->partitions) {
        metric_add(metrics_cell(retention->options.metrics, METRIC_BAD_REPLIES, NULL, NULL), 1);
        return;
    }
    ret->partition = (int32_t)number;
    ret->correlation_id = task_text(correlation);
    ret->correlation_len = correlation.len;
}

static enum err read_request(struct retention *retention, const struct bus_message *message,
                             struct task *task, struct why *why)
{
    struct value values[AVRO_PLAN_REQUEST_FIELDS];
    struct plan_request request;
    enum err err = decoder_run(retention->request_decoder, message->value, values, why);
    if (err != ERR_OK)
        return err;
    avro_plan_request_from_values(values, &request);
    err = plan_request_check(&request, message->key, why);
    if (err != ERR_OK)
        return err;
    task->prediction_id = task_text(request.prediction_id);
    task->employee_id = task_text(request.employee_id);
    task->request_id = task_text(request.request_id);
    task->requested_by = task_text(request.requested_by);
    task->language = retention->options.language;
    if (request.language.data != NULL)
        IGNORE(language_from_text(request.language, &task->language)); // plan_request_check did
    task->is_anew = request.is_anew;
    read_reply(retention, message, &task->reply);
    return ERR_OK;
}

static void keep_traceparent(const struct bus_message *message, struct task *task)
{
    struct bytes traceparent = {0};
    if (bus_message_header(message, "traceparent", &traceparent) && traceparent.len > 0 &&
        traceparent.len <= TRACEPARENT_MAX)
        task->traceparent = task_text(traceparent);
}

enum err retention_take(struct retention *retention, struct backlog *backlog,
                        const struct bus_message *message, struct why *why)
{
    bool is_request = backlog->topic == retention->plan_requests;
    struct task *task = task_new(message, is_request);
    enum err err = is_request ? read_request(retention, message, task, why)
                              : read_high_risk(retention, message, task, why);
    if (err == ERR_REJECT) {
        task->letter =
            bus_deadletter_keep(retention->dead_letters, message, "retentionai-retention", why);
        task->item.is_finished = true;
        metric_add(metrics_cell(retention->options.metrics, METRIC_DEAD_LETTERS, why->code, NULL),
                   1);
        log_debug("dead-letter", "topic=%s partition=%d offset=%lld code=%s", message->topic,
                  message->partition, (long long)message->offset, why->code);
        backlog_push(backlog, &task->item);
        return ERR_OK;
    }
    if (err != ERR_OK) {
        task_free(task);
        return err;
    }
    char id[SOURCE_ID_MAX];
    source_id(backlog->topic, source_generation(backlog->metadata), message->partition,
              message->offset, id);
    task->plan_id = mem_dup(id);
    keep_traceparent(message, task);
    task->order.employee_id = bytes_from_string(task->employee_id);
    order_enter(&retention->order, &task->order);
    backlog_push(backlog, &task->item);
    task_queue_add(&retention->looking, task);
    return ERR_OK;
}
