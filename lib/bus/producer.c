// SPDX-License-Identifier: MIT
#include "bus/producer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/partition.h"

// The client, from its making to its end, and what needs no transaction. What the interceptor
// counts is for the guard (producer_transaction.c).

enum { UNKNOWN_TOPIC_MS = 2000, TELL_MS = 10000, METADATA_MS = 5000 };

static rd_kafka_resp_err_t on_request_sent(rd_kafka_t *rk, int fd, const char *broker, int32_t id,
                                           int16_t key, int16_t version, int32_t correlation,
                                           size_t size, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)id, (void)version, (void)correlation, (void)size;
    struct bus_producer *producer = opaque;
    bus_watch_sent(&producer->watch, key, clock_mono_ns() / 1000);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *text, size_t size)
{
    (void)conf, (void)text, (void)size;
    return rd_kafka_interceptor_add_on_request_sent(rk, "send-counter", on_request_sent, opaque);
}

// Without a delivery callback the flush inside commit would poll in steps of 10 ms.
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct bus_producer *producer = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (producer->failed++ == 0)
        snprintf(producer->failed_why, sizeof producer->failed_why, "%s",
                 rd_kafka_err2str(message->err));
}

static enum err client_open(struct bus_producer *producer, struct why *why)
{
    char timeout[24], socket_timeout[24], linger[24], retry[24], kbytes[24];
    snprintf(timeout, sizeof timeout, "%lld", (long long)producer->transaction_timeout_ms);
    snprintf(socket_timeout, sizeof socket_timeout, "%lld",
             (long long)producer->transaction_timeout_ms / 2);
    snprintf(linger, sizeof linger, "%lld", (long long)producer->linger_ms);
    snprintf(retry, sizeof retry, "%lld", (long long)producer->retry_ms);
    snprintf(kbytes, sizeof kbytes, "%lld", (long long)(producer->queue_bytes / 1024));
    const struct bus_pair pairs[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", linger},
        {"queue.buffering.max.kbytes", kbytes},
        {"queue.buffering.max.messages", "1000000"},
        {"batch.num.messages", "10000"},
        {"message.max.bytes", "1110000"}, // a batch that dead-letters takes
        {"partitioner", "murmur2_random"},
        {"retry.backoff.ms", retry},
        {"transactional.id", producer->transactional_id == NULL ? "" : producer->transactional_id},
        {"transaction.timeout.ms", timeout},
        {"socket.timeout.ms", socket_timeout},
    };
    const struct bus_config config = {producer->bootstrap_servers, producer->client_id,
                                      producer->properties, producer->opaque.log};
    rd_kafka_conf_t *conf = NULL;
    size_t count = ARRAY_LEN(pairs) - (producer->transactional_id == NULL ? 3 : 0);
    enum err err = bus_conf_new(&config, pairs, count, producer, &conf, why);
    if (err != ERR_OK)
        return err;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_interceptor_add_on_new(conf, "send-counter", on_new, producer);
    return bus_client_new(RD_KAFKA_PRODUCER, &conf, &producer->rk, why);
}

static void client_close(struct bus_producer *producer)
{
    if (producer->rk == NULL)
        return;
    // What is unsent belongs to a transaction that is not committed: nobody will miss it.
    if (producer->transactional_id != NULL)
        IGNORE(rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT));
    IGNORE(rd_kafka_flush(producer->rk, 200)); // serves the callbacks of what was purged
    rd_kafka_destroy(producer->rk);
    producer->rk = NULL;
}

static void tell_wait(const struct bus_producer *producer, const struct why *cause,
                      int64_t *told_ms)
{
    int64_t now_ms = clock_mono_ms();
    if (producer->on_wait == NULL || (*told_ms != 0 && now_ms - *told_ms < TELL_MS))
        return;
    *told_ms = now_ms;
    struct why why = *cause;
    IGNORE(bus_waits(producer->bootstrap_servers, ERR_RETRY, &why)); // its words are what counts
    producer->on_wait(producer->context, &why);
}

// Fences every predecessor of the transactional id; patient, since the broker may be away.
static enum err init_transactions(struct bus_producer *producer, struct why *why)
{
    struct backoff backoff;
    int64_t told_ms = 0;
    backoff_init(&backoff, 50, 1000);
    for (;;) {
        bool was_transport = false;
        struct why cause = {0};
        rd_kafka_error_t *error = rd_kafka_init_transactions(producer->rk, BUS_STEP_MS);
        enum bus_decision decision =
            producer_take_error(error, "cannot take the transactional id", &was_transport, &cause);
        if (error != NULL && why != NULL)
            *why = cause;
        if (decision == BUS_DECISION_DONE)
            return ERR_OK;
        if (decision == BUS_DECISION_FENCED || decision == BUS_DECISION_FATAL ||
            decision == BUS_DECISION_REBUILD)
            return ERR_FATAL;
        tell_wait(producer, &cause, &told_ms);
        if (program_wait_ms(backoff_next_ms(&backoff)))
            return ERR_STOP;
    }
}

enum err producer_rebuild(struct bus_producer *producer, struct why *why)
{
    producer->is_open = false;
    if (program_is_stopping()) // the next owner of the id fences the old client as well
        return ERR_STOP;
    producer->counts.rebuilds++;
    for (unsigned tries = 0;; tries++) {
        client_close(producer);
        enum err err = client_open(producer, why);
        if (err == ERR_OK)
            err = init_transactions(producer, why);
        // One more try with a fresh client: a fatal state of the old one may have leaked into its
        // last request.
        if (err != ERR_FATAL || tries == PRODUCER_CALLS_MAX ||
            (why != NULL && strcmp(why->code, "fenced") == 0))
            return err;
        if (program_wait_ms(200))
            return ERR_STOP;
    }
}

enum err bus_producer_open(const struct bus_config *config,
                           const struct bus_producer_options *options, struct bus_producer **ret,
                           struct why *why)
{
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = mem_zalloc(sizeof *producer);
    producer->opaque.log = config->log;
    producer->on_wait = options->on_wait;
    producer->context = options->context;
    producer->bootstrap_servers = mem_dup(config->bootstrap_servers);
    producer->client_id = mem_dup(config->client_id);
    producer->properties = bus_properties_copy(config->properties);
    producer->transactional_id =
        options->transactional_id == NULL ? NULL : mem_dup(options->transactional_id);
    producer->transaction_timeout_ms =
        options->transaction_timeout_ms > 0 ? options->transaction_timeout_ms : 15000;
    producer->linger_ms = options->linger_ms < 0    ? 0
                          : options->linger_ms == 0 ? 5
                                                    : options->linger_ms;
    producer->retry_ms = options->retry_ms > 0 ? options->retry_ms : 20;
    bus_pace_init(&producer->pace);
    producer->queue_bytes = options->queue_bytes > 0 ? options->queue_bytes : 16 * 1024 * 1024;
    enum err err = client_open(producer, why);
    if (err == ERR_OK && producer->transactional_id != NULL)
        err = init_transactions(producer, why);
    if (err != ERR_OK)
        return err;
    *ret = TAKE(producer);
    return ERR_OK;
}

void bus_producer_close(struct bus_producer *producer)
{
    if (producer == NULL)
        return;
    client_close(producer);
    for (size_t i = 0; i < producer->topic_count; i++)
        free(producer->topics[i].name);
    bus_properties_free(producer->properties);
    free(producer->bootstrap_servers);
    free(producer->client_id);
    free(producer->transactional_id);
    free(producer);
}

static enum err ask_partitions(struct bus_producer *producer, const char *topic, int32_t *ret,
                               struct why *why)
{
    int32_t count = 0;
    enum err err = bus_count_partitions(producer->rk, topic, METADATA_MS, &count, why);
    if (err == ERR_RETRY)
        return bus_waits(producer->bootstrap_servers, err, why);
    if (err == ERR_OK && count == 0)
        err = bus_no_topic(topic, why);
    if (err == ERR_OK)
        *ret = count;
    return err;
}

enum err bus_producer_partitions(struct bus_producer *producer, const char *topic, int32_t *ret,
                                 struct why *why)
{
    for (size_t i = 0; i < producer->topic_count; i++) {
        if (strcmp(producer->topics[i].name, topic) == 0) {
            *ret = producer->topics[i].partitions;
            return ERR_OK;
        }
    }
    // A topic that was made a moment ago may not be known to every broker yet.
    int64_t end_ms = clock_mono_ms() + UNKNOWN_TOPIC_MS;
    enum err err = ask_partitions(producer, topic, ret, why);
    while (err == ERR_FATAL && clock_mono_ms() < end_ms && !program_wait_ms(100))
        err = ask_partitions(producer, topic, ret, why);
    if (err == ERR_OK && producer->topic_count < PRODUCER_TOPICS_MAX)
        producer->topics[producer->topic_count++] = (struct producer_topic){mem_dup(topic), *ret};
    return err;
}

enum err bus_producer_send(struct bus_producer *producer, const struct bus_record *record,
                           struct why *why)
{
    int32_t partition = record->partition;
    if (partition < 0) {
        int32_t count = 0;
        enum err err = bus_producer_partitions(producer, record->topic, &count, why);
        if (err != ERR_OK)
            return err;
        partition = bus_partition(record->key, count);
    }
    rd_kafka_headers_t *headers = bus_headers_of(record);
    int64_t end_ms = clock_mono_ms() + producer->transaction_timeout_ms / 2;
    rd_kafka_resp_err_t code = bus_enqueue(producer->rk, record, partition, headers, NULL);
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && clock_mono_ms() < end_ms &&
           !program_is_stopping()) {
        IGNORE(rd_kafka_poll(producer->rk, 50)); // serves delivery reports, which make room
        code = bus_enqueue(producer->rk, record, partition, headers, NULL);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return why_code(why, ERR_REJECT, "too-large", "a record of %zu bytes is too large for %s",
                        record->value.len, record->topic);
    // __STATE: the transaction has failed already, commit or abort will say why.
    enum err err = code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__FATAL
                       ? ERR_RETRY
                       : bus_verdict(code);
    return why_say(why, err, "cannot send to %s: %s", record->topic, rd_kafka_err2str(code));
}

enum err bus_producer_flush(struct bus_producer *producer, int64_t wait_ms, struct why *why)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(producer->rk, (int)wait_ms);
    uint64_t failed = producer->failed;
    producer->failed = 0;
    if (failed > 0)
        return why_say(why, ERR_RETRY, "%llu records were not accepted: %s",
                       (unsigned long long)failed, producer->failed_why);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? ERR_OK
               : bus_fail(code, "records are still on their way", why);
}
