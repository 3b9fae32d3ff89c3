// SPDX-License-Identifier: MIT
#include "bus/producer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/program.h"
#include "bus/client.h"
#include "bus/decision.h"
#include "bus/pace.h"
#include "bus/partition.h"
#include "bus/watch.h"

// The guard. librdkafka repeats EndTxn and TxnOffsetCommit silently after a lost connection, with
// the same producer epoch; the first, delayed request can then end the next transaction or set its
// offsets back, and every call has returned OK (KAFKA-17754). The only trace is that a request was
// sent more than once: so an interceptor counts the sends of both, and after a second send, a
// time-out, a transport error or a long pause of the process the client is destroyed and made again
// under the same transactional id. Its new epoch fences whatever is still under way; the caller
// then reads the committed offsets, because nobody else knows what became of the transaction.
//
// The same interceptor sees requests that came before the coordinator had ended the last
// transaction (pace.h): the answer itself is hidden in the client, but AddOffsetsToTxn is then sent
// a second time within one call, and AddPartitionsToTxn after 20 ms without anything produced in
// between.
//
// States: idle -> open (begin) -> idle (commit, abort) and, from anywhere, broken -> rebuild ->
// idle.

enum {
    TOPICS_MAX = 64,
    STOP_MS = 1000, // for an abort when the program stops: the next owner of the id does it, too
    CALLS_MAX = 3,
    UNKNOWN_TOPIC_MS = 2000,
    TELL_MS = 10000,
    METADATA_MS = 5000
};

struct topic {
    char *name;
    int32_t partitions;
};

struct bus_producer {
    struct bus_opaque opaque; // first: the log callback looks for it here
    rd_kafka_t *rk;
    char *bootstrap_servers, *client_id, *transactional_id;
    char **properties;
    int64_t transaction_timeout_ms, linger_ms, retry_ms, queue_bytes;
    void (*on_wait)(void *context, const struct why *why);
    void *context;
    struct bus_watch watch;
    struct bus_pace pace;
    uint64_t failed; // deliveries that failed since the last flush or begin
    char failed_why[200];
    bool is_open; // a transaction is open
    int64_t begun_ms;
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    struct bus_producer_counts counts;
};

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

// Takes the error: its sentence into `why`, whether it was of the transport, and what it asks for.
static enum bus_decision take_error(rd_kafka_error_t *error, const char *what, bool *was_transport,
                                    struct why *why)
{
    enum bus_decision decision = bus_decide(error);
    if (error == NULL)
        return decision;
    if (bus_is_transport(rd_kafka_error_code(error)))
        *was_transport = true;
    IGNORE(why_code(why, ERR_RETRY, decision == BUS_DECISION_FENCED ? "fenced" : "transaction",
                    "%s: %s (%s)", what, rd_kafka_error_string(error),
                    rd_kafka_error_name(error))); // the caller has the verdict
    rd_kafka_error_destroy(error);
    return decision;
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
            take_error(error, "cannot take the transactional id", &was_transport, &cause);
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

static enum err rebuild(struct bus_producer *producer, struct why *why)
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
        if (err != ERR_FATAL || tries == CALLS_MAX ||
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
    if (err == ERR_OK && producer->topic_count < TOPICS_MAX)
        producer->topics[producer->topic_count++] = (struct topic){mem_dup(topic), *ret};
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

int64_t bus_producer_pause_us(const struct bus_producer *producer)
{
    return bus_pace_left_us(&producer->pace, clock_mono_ns() / 1000);
}

enum err bus_producer_begin(struct bus_producer *producer, struct why *why)
{
    bool was_transport = false;
    producer->failed = 0;
    bus_watch_begin(&producer->watch);
    enum bus_decision decision =
        take_error(rd_kafka_begin_transaction(producer->rk), "cannot begin", &was_transport, why);
    if (decision != BUS_DECISION_DONE && decision != BUS_DECISION_FENCED) {
        enum err err = rebuild(producer, why);
        if (err != ERR_OK)
            return err;
        decision = take_error(rd_kafka_begin_transaction(producer->rk), "cannot begin",
                              &was_transport, why);
    }
    if (decision != BUS_DECISION_DONE)
        return ERR_FATAL;
    producer->is_open = true;
    producer->begun_ms = clock_mono_ms();
    return ERR_OK;
}

// A generation of -1 or an empty member id would be accepted by the broker into a live group and
// could set its offsets back; such metadata is what a member has between two rebalances.
static bool is_member(const rd_kafka_consumer_group_metadata_t *metadata)
{
    static const char magic[] = "CGMDv2:";
    void *buffer = NULL;
    size_t size = 0;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return false;
    }
    // Serialised as magic, generation (4 bytes), group id NUL, member id NUL, ...
    const char *bytes = buffer;
    size_t at = sizeof magic - 1;
    bool is_known = size > at + 4 && memcmp(bytes, magic, at) == 0;
    int32_t generation = -1;
    if (is_known)
        memcpy(&generation, bytes + at, sizeof generation);
    const char *group_end = is_known ? memchr(bytes + at + 4, '\0', size - at - 4) : NULL;
    bool has_member = group_end != NULL && group_end + 1 < bytes + size && group_end[1] != '\0';
    rd_kafka_mem_free(NULL, buffer);
    return generation >= 0 && has_member;
}

static enum bus_decision send_offsets(struct bus_producer *producer, struct bus_consumer *consumer,
                                      const struct bus_position *positions, size_t count,
                                      bool *was_transport, struct why *why)
{
    rd_kafka_consumer_group_metadata_t *metadata =
        rd_kafka_consumer_group_metadata(bus_consumer_client(consumer));
    if (metadata == NULL || !is_member(metadata)) {
        if (metadata != NULL)
            rd_kafka_consumer_group_metadata_destroy(metadata);
        IGNORE(
            why_code(why, ERR_RETRY, "transaction",
                     "the consumer is between two generations of its group")); // decision says it
        return BUS_DECISION_ABORT;
    }
    rd_kafka_topic_partition_list_t *list = bus_list_of(positions, count);
    rd_kafka_error_t *error =
        rd_kafka_send_offsets_to_transaction(producer->rk, list, metadata, -1);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    // Whether that was the owner of the place is the consumer's to find out (consumer.c). A rival
    // has the transactional id, too, and the abort will say so.
    bool is_place_taken =
        error != NULL && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    enum bus_decision decision = take_error(error, "cannot send the offsets", was_transport, why);
    if (is_place_taken)
        return BUS_DECISION_ABORT;
    return decision == BUS_DECISION_AGAIN ? BUS_DECISION_REBUILD
                                          : decision; // this call must not be repeated
}

static enum bus_decision end_transaction(struct bus_producer *producer, bool commits,
                                         bool *was_transport, struct why *why)
{
    enum bus_decision decision = BUS_DECISION_AGAIN;
    bool is_stopping = program_is_stopping();
    int abort_ms = is_stopping ? STOP_MS : (int)producer->transaction_timeout_ms / 3;
    int calls_max = is_stopping && !commits ? 1 : CALLS_MAX;
    for (int calls = 0; decision == BUS_DECISION_AGAIN && calls < calls_max; calls++) {
        rd_kafka_error_t *error = commits ? rd_kafka_commit_transaction(producer->rk, -1)
                                          : rd_kafka_abort_transaction(producer->rk, abort_ms);
        decision =
            take_error(error, commits ? "cannot commit" : "cannot abort", was_transport, why);
    }
    return decision == BUS_DECISION_AGAIN ? BUS_DECISION_REBUILD : decision;
}

// After a rebuild nothing is known of the transaction: ERR_RETRY, and the caller reads where it
// stands.
static enum err rebuild_and_retry(struct bus_producer *producer, struct why *why)
{
    struct why cause = {0};
    enum err err = rebuild(producer, &cause);
    if (err == ERR_OK)
        return ERR_RETRY;
    if (why != NULL)
        *why = cause;
    return err;
}

static int64_t age_ms(const struct bus_producer *producer)
{
    return clock_mono_ms() - producer->begun_ms;
}

// The process slept in an open transaction. While the broker cannot have timed it out by itself, an
// answer that we are fenced means that another process has the id by now: it must not be fenced in
// turn. Later the answer would be the same without a rival, so it is not asked for.
static enum err give_up(struct bus_producer *producer, struct why *why)
{
    producer->is_open = false;
    if (age_ms(producer) < producer->transaction_timeout_ms) {
        bool was_transport = false;
        struct why cause = {0};
        if (end_transaction(producer, false, &was_transport, &cause) == BUS_DECISION_FENCED) {
            if (why != NULL)
                *why = cause;
            return ERR_FATAL;
        }
    }
    IGNORE(why_code(why, ERR_RETRY, "transaction",
                    "the process was paused for too long in a transaction")); // said below
    return rebuild_and_retry(producer, why);
}

static bool is_overdue(const struct bus_producer *producer)
{
    return age_ms(producer) > producer->transaction_timeout_ms / 2;
}

// The broker fences a transaction that it has timed out, too: only before that is it a rival.
static enum bus_decision fenced_by_whom(const struct bus_producer *producer,
                                        enum bus_decision decision)
{
    bool may_be_time_out = age_ms(producer) >= producer->transaction_timeout_ms;
    return decision == BUS_DECISION_FENCED && may_be_time_out ? BUS_DECISION_REBUILD : decision;
}

enum err bus_producer_abort(struct bus_producer *producer, struct why *why)
{
    if (!producer->is_open)
        return ERR_OK;
    producer->counts.aborts++;
    if (is_overdue(producer)) {
        enum err err = give_up(producer, why);
        return err == ERR_RETRY ? ERR_OK : err;
    }
    producer->is_open = false;
    bus_watch_call(&producer->watch);
    // An abort before the coordinator has seen the transaction can end in INVALID_TXN_STATE or
    // hang; one acknowledged delivery proves that it has.
    for (int i = 0; i < 50 && !program_is_stopping(); i++)
        if (rd_kafka_flush(producer->rk, 100) == RD_KAFKA_RESP_ERR_NO_ERROR)
            break; // what fails here is about to be thrown away
    bool was_transport = false;
    enum bus_decision decision =
        fenced_by_whom(producer, end_transaction(producer, false, &was_transport, why));
    if (decision == BUS_DECISION_FENCED)
        return ERR_FATAL;
    if (decision != BUS_DECISION_DONE || was_transport ||
        bus_watch_was_sent_twice(&producer->watch)) {
        enum err err = rebuild_and_retry(producer, why);
        return err == ERR_RETRY ? ERR_OK : err;
    }
    return ERR_OK;
}

enum err bus_producer_owns_id(struct bus_producer *producer, const char *topic, struct why *why)
{
    const struct bus_record record = {
        .topic = topic, .partition = -1, .key = bytes_from_string(producer->transactional_id)};
    enum err err = bus_producer_abort(producer, why);
    if (err == ERR_OK)
        err = bus_producer_begin(producer, why);
    if (err != ERR_OK)
        return err;
    // Only a transaction that has something in it is ended by the brokers, and they say whose it
    // is: what becomes of the record is of no interest.
    IGNORE(bus_producer_send(producer, &record, why));
    return bus_producer_abort(producer, why);
}

static enum err abort_and_retry(struct bus_producer *producer, struct why *why)
{
    struct why cause = {0};
    enum err err = bus_producer_abort(producer, &cause);
    if (err == ERR_OK)
        return ERR_RETRY;
    if (why != NULL)
        *why = cause;
    return err;
}

// A deliberate bug: what goes with the transaction is told to the group behind it.
static void commit_outside(struct bus_consumer *consumer, const struct bus_position *positions,
                           size_t count)
{
    rd_kafka_topic_partition_list_t *list = bus_list_of(positions, count);
    IGNORE(rd_kafka_commit(bus_consumer_client(consumer), list, 0)); // nobody relies on it
    rd_kafka_topic_partition_list_destroy(list);
}

static void learn_pace(struct bus_producer *producer)
{
    int64_t sent_us = bus_watch_first_us(&producer->watch);
    bool was_too_early = bus_watch_was_too_early(&producer->watch);
    producer->counts.too_early += was_too_early;
    if (sent_us != 0)
        bus_pace_learn(&producer->pace, sent_us, was_too_early);
    bus_pace_end(&producer->pace, clock_mono_ns() / 1000);
}

enum err bus_producer_commit(struct bus_producer *producer, struct bus_consumer *consumer,
                             const struct bus_position *positions, size_t count, struct why *why)
{
    bool was_transport = false;
    bus_watch_call(&producer->watch);
    if (is_overdue(producer))
        return give_up(producer, why);
    enum bus_decision decision = BUS_DECISION_DONE;
    if (count > 0 && !PLANT("offsets-outside"))
        decision = send_offsets(producer, consumer, positions, count, &was_transport, why);
    CRASH_POINT("offsets-sent");
    if (decision == BUS_DECISION_DONE)
        decision = end_transaction(producer, true, &was_transport, why);
    if (PLANT("offsets-outside") && decision == BUS_DECISION_DONE && count > 0)
        commit_outside(consumer, positions, count);
    decision = fenced_by_whom(producer, decision);
    if (decision == BUS_DECISION_FENCED || decision == BUS_DECISION_FATAL)
        return ERR_FATAL;
    if (decision == BUS_DECISION_ABORT && !was_transport &&
        !bus_watch_was_sent_twice(&producer->watch))
        return abort_and_retry(producer, why);
    if (decision != BUS_DECISION_DONE || was_transport ||
        bus_watch_was_sent_twice(&producer->watch)) {
        if (decision == BUS_DECISION_DONE)
            IGNORE(why_code(why, ERR_RETRY, "transaction",
                            "a request was sent twice")); // said by the verdict below
        return rebuild_and_retry(producer, why);
    }
    producer->is_open = false;
    producer->counts.commits++;
    learn_pace(producer);
    if (count > 0)
        bus_consumer_committed(consumer, positions, count);
    return ERR_OK;
}

struct bus_producer_counts bus_producer_counts(const struct bus_producer *producer)
{
    return producer->counts;
}
