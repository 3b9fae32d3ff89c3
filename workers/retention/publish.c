// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <string.h>

#include "avro/encode.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/partition.h"
#include "metrics.h"
#include "parts.h"

// The Kafka transaction: plans, replies and dead letters of the records that are finished, and the
// offsets behind them. A plan whose transaction is lost is published again from the ledger.

// A transaction costs as much CPU time as ten calls, in librdkafka's threads and ours. So what
// nobody waits for is published every two seconds while there is other work, unless it has become
// much.
enum { INTERVAL_MS = 250, LAZY_MS = 2000, LAZY_RECORDS = 500, TRANSACTION_RECORDS = 2000 };

static struct bytes text_or_null(const char *text)
{
    return text == NULL ? (struct bytes){0} : bytes_from_string(text);
}

static struct plan plan_of(const struct task *task)
{
    const struct task_result *result = task->result;
    struct plan plan = {
        .plan_id = bytes_from_string(task->plan_id),
        .request_id = text_or_null(task->request_id),
        .prediction_id = bytes_from_string(task->prediction_id),
        .employee_id = bytes_from_string(task->employee_id),
        .status = result->status,
        .language = bytes_from_string(language_name(task->language)),
        .generated_by = text_or_null(result->generated_by),
        .model_name = text_or_null(result->model_name),
        .prompt_sha256 =
            text_or_null(result->prompt_sha256[0] == '\0' ? NULL : result->prompt_sha256),
        .input_tokens = result->input_tokens,
        .output_tokens = result->output_tokens,
        .created_at_ms = clock_real_ms(),
        .requested_by = text_or_null(task->requested_by),
        .refusal = text_or_null(result->refusal),
        .reused_from = text_or_null(result->reused_from),
    };
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        plan.actions[i] = text_or_null(result->actions[i]);
    return plan;
}

static enum err send_plan(struct retention *retention, const struct task *task, struct why *why)
{
    const struct plan plan = plan_of(task);
    text_clear(&retention->encoded);
    if (avro_encode_plan(retention->options.plan_schema_id, &plan, &retention->encoded, why) !=
        ERR_OK)
        return ERR_FATAL; // every part of it is bounded
    struct bus_header headers[2];
    size_t count = 0;
    if (task->traceparent != NULL)
        headers[count++] = (struct bus_header){"traceparent", bytes_from_string(task->traceparent)};
    struct bus_record record = {.topic = retention->plans,
                                .partition = bus_partition(plan.employee_id, retention->partitions),
                                .key = plan.employee_id,
                                .value = text_bytes(&retention->encoded),
                                .headers = headers,
                                .header_count = count};
    enum err err = bus_producer_send(retention->producer, &record, why);
    if (err == ERR_OK && task->reply.correlation_id != NULL) {
        record.topic = retention->replies;
        record.partition = task->reply.partition;
        record.key = bytes_of(task->reply.correlation_id, task->reply.correlation_len);
        headers[count++] = (struct bus_header){"kafka_correlationId", record.key};
        record.header_count = count;
        err = bus_producer_send(retention->producer, &record, why);
    }
    return err == ERR_REJECT ? ERR_FATAL : err;
}

static enum err send_task(struct retention *retention, const struct task *task, struct why *why)
{
    if (task->letter != NULL) {
        enum err err = bus_producer_send(retention->producer, task->letter, why);
        return err == ERR_REJECT ? ERR_FATAL : err;
    }
    return task->result->is_nothing ? ERR_OK : send_plan(retention, task, why);
}

static void count_plan(const struct retention *retention, const struct task *task)
{
    const struct task_result *result = task->result;
    if (task->letter != NULL || result->is_nothing)
        return;
    const char *source = task->is_request ? "request" : "episode";
    metric_add(
        metrics_cell(retention->options.metrics, METRIC_PLANS,
                     result->reused_from != NULL ? "reused" : plan_status_name(result->status),
                     source),
        1);
    if (result->refusal != NULL)
        metric_add(metrics_cell(retention->options.metrics, METRIC_REFUSALS, result->refusal, NULL),
                   1);
}

static void count_transactions(struct retention *retention)
{
    const struct bus_producer_counts now = bus_producer_counts(retention->producer);
    const struct {
        const char *outcome;
        uint64_t by;
    } counts[] = {{"commit", now.commits - retention->counted.commits},
                  {"abort", now.aborts - retention->counted.aborts},
                  {"rebuild", now.rebuilds - retention->counted.rebuilds}};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (counts[i].by > 0)
            metric_add(metrics_cell(retention->options.metrics, METRIC_TRANSACTIONS,
                                    counts[i].outcome, NULL),
                       counts[i].by);
    retention->counted = now;
}

// What goes into the transaction: of each partition its finished records, up to some in all.
struct share {
    struct backlog *backlog;
    size_t count;
};

static size_t gather(struct retention *retention, struct share *shares)
{
    size_t places = 0, room = TRANSACTION_RECORDS;
    for (size_t i = 0; i < retention->backlogs.count; i++) {
        struct backlog *backlog = &retention->backlogs.list[i];
        size_t count = backlog_finished(backlog, room);
        if (count == 0)
            continue;
        shares[places++] = (struct share){backlog, count};
        room -= count;
    }
    return places;
}

static bool is_urgent(const struct share *shares, size_t places)
{
    size_t records = 0;
    bool is_waited_for = false;
    for (size_t i = 0; i < places; i++) {
        records += shares[i].count;
        for (size_t at = 0; at < shares[i].count && !is_waited_for; at++)
            is_waited_for = task_of(backlog_at(shares[i].backlog, at))->is_request;
    }
    return is_waited_for || records >= LAZY_RECORDS;
}

static enum err send_all(struct retention *retention, const struct share *shares, size_t places,
                         struct bus_position *positions, struct why *why)
{
    enum err err = bus_producer_begin(retention->producer, why);
    for (size_t i = 0; i < places && err == ERR_OK; i++) {
        const struct backlog *backlog = shares[i].backlog;
        for (size_t at = 0; at < shares[i].count && err == ERR_OK; at++)
            err = send_task(retention, task_of(backlog_at(backlog, at)), why);
        positions[i] =
            (struct bus_position){.topic = backlog->topic,
                                  .partition = backlog->partition,
                                  .offset = backlog_offset_after(backlog, shares[i].count)};
        memcpy(positions[i].metadata, backlog->metadata, sizeof positions[i].metadata);
    }
    return err;
}

static enum err transact(struct retention *retention, const struct share *shares, size_t places,
                         struct why *why)
{
    struct bus_position *positions CLEANUP(mem_free_p) = mem_array(places, sizeof *positions);
    enum err err = send_all(retention, shares, places, positions, why);
    if (err == ERR_OK)
        err = bus_producer_commit(retention->producer, retention->consumer, positions, places, why);
    else if (err == ERR_RETRY)
        err = bus_producer_abort(retention->producer, NULL) == ERR_FATAL ? ERR_FATAL : ERR_RETRY;
    count_transactions(retention);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < places; i++) {
        for (size_t at = 0; at < shares[i].count; at++)
            count_plan(retention, task_of(backlog_at(shares[i].backlog, at)));
        backlog_settle(&retention->backlogs, shares[i].backlog, positions[i].offset);
    }
    return ERR_OK;
}

enum err retention_publish(struct retention *retention, struct why *why)
{
    bool is_busy =
        retention->calling + retention_ready_count(retention) + retention->storing.count > 0;
    int64_t now_ms = clock_mono_ms(), since_ms = now_ms - retention->published_ms;
    bool is_lazy = is_busy && since_ms < LAZY_MS;
    if (is_lazy && (since_ms < INTERVAL_MS || now_ms - retention->gathered_ms < INTERVAL_MS))
        return ERR_OK;
    retention->gathered_ms = now_ms;
    struct share *shares CLEANUP(mem_free_p) = mem_array(retention->backlogs.count, sizeof *shares);
    size_t places = gather(retention, shares);
    if (places == 0 || (is_lazy && !is_urgent(shares, places)))
        return ERR_OK;
    retention->published_ms = now_ms;
    return transact(retention, shares, places, why);
}
