// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "base/program.h"
#include "bus/consumer_parts.h"
#include "bus/producer_parts.h"

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
    STOP_MS = 1000, // for an abort when the program stops: the next owner of the id does it, too
};

enum bus_decision producer_take_error(rd_kafka_error_t *error, const char *what,
                                      bool *was_transport, struct why *why)
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

int64_t bus_producer_pause_us(const struct bus_producer *producer)
{
    return bus_pace_left_us(&producer->pace, clock_mono_ns() / 1000);
}

enum err bus_producer_begin(struct bus_producer *producer, struct why *why)
{
    bool was_transport = false;
    producer->failed = 0;
    bus_watch_begin(&producer->watch);
    enum bus_decision decision = producer_take_error(rd_kafka_begin_transaction(producer->rk),
                                                     "cannot begin", &was_transport, why);
    if (decision != BUS_DECISION_DONE && decision != BUS_DECISION_FENCED) {
        enum err err = producer_rebuild(producer, why);
        if (err != ERR_OK)
            return err;
        decision = producer_take_error(rd_kafka_begin_transaction(producer->rk), "cannot begin",
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
    enum bus_decision decision =
        producer_take_error(error, "cannot send the offsets", was_transport, why);
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
    int calls_max = is_stopping && !commits ? 1 : PRODUCER_CALLS_MAX;
    for (int calls = 0; decision == BUS_DECISION_AGAIN && calls < calls_max; calls++) {
        rd_kafka_error_t *error = commits ? rd_kafka_commit_transaction(producer->rk, -1)
                                          : rd_kafka_abort_transaction(producer->rk, abort_ms);
        decision = producer_take_error(error, commits ? "cannot commit" : "cannot abort",
                                       was_transport, why);
    }
    return decision == BUS_DECISION_AGAIN ? BUS_DECISION_REBUILD : decision;
}

// After a rebuild nothing is known of the transaction: ERR_RETRY, and the caller reads where it
// stands.
static enum err rebuild_and_retry(struct bus_producer *producer, struct why *why)
{
    struct why cause = {0};
    enum err err = producer_rebuild(producer, &cause);
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

static bool is_overdue(const struct bus_producer *producer)
{
    return age_ms(producer) > producer->transaction_timeout_ms / 2;
}

// The broker fences a transaction that it has timed out, too: only an answer before that is proof
// of a rival. How old the transaction was when the question was asked says nothing: an answer may
// take as long as the time-out.
static enum bus_decision fenced_by_whom(const struct bus_producer *producer,
                                        enum bus_decision decision)
{
    bool may_be_time_out = age_ms(producer) >= producer->transaction_timeout_ms;
    return decision == BUS_DECISION_FENCED && may_be_time_out ? BUS_DECISION_REBUILD : decision;
}

// The process slept in an open transaction. Where another process has the id by now it must not be
// fenced in turn, so the broker is asked, as long as its answer can tell the two apart.
static enum err give_up(struct bus_producer *producer, struct why *why)
{
    producer->is_open = false;
    if (age_ms(producer) < producer->transaction_timeout_ms) {
        bool was_transport = false;
        struct why cause = {0};
        enum bus_decision decision = end_transaction(producer, false, &was_transport, &cause);
        if (fenced_by_whom(producer, decision) == BUS_DECISION_FENCED) {
            if (why != NULL)
                *why = cause;
            return ERR_FATAL;
        }
    }
    IGNORE(why_code(why, ERR_RETRY, "transaction",
                    "the process was paused for too long in a transaction")); // said below
    return rebuild_and_retry(producer, why);
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

enum err bus_producer_commit_ends(struct bus_producer *producer, struct bus_consumer *consumer,
                                  struct why *why)
{
    enum { ENDS_MAX = 64 }; // the others in the next call
    struct bus_position ends[ENDS_MAX];
    size_t count = consumer_covered_ends(consumer, ends, ENDS_MAX);
    if (count == 0)
        return ERR_OK;
    enum err err = bus_producer_begin(producer, why);
    return err == ERR_OK ? bus_producer_commit(producer, consumer, ends, count, why) : err;
}

struct bus_producer_counts bus_producer_counts(const struct bus_producer *producer)
{
    return producer->counts;
}
