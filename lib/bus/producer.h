// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "bus/config.h"
#include "bus/consumer.h"

// A producer, transactional or idempotent only. In transactions it keeps the guard against delayed
// EndTxn and TxnOffsetCommit requests (KAFKA-17754): it counts what is sent, and after any repeated
// send, time-out or transport error it rebuilds itself with the same transactional id, whose epoch
// bump fences the straggler. One thread owns a producer.

struct bus_producer_options {
    const char *transactional_id;   // NULL: idempotent only
    int64_t transaction_timeout_ms; // 0: 15 s
    int64_t linger_ms;              // 0: 5 ms, -1: none
    int64_t retry_ms;    // before a request is repeated that came at a bad moment; 0: 20 ms
    int64_t queue_bytes; // ceiling of unsent messages; 0: 16 MiB
    // Told why while a call waits for brokers to take the transactional id: after the first failed
    // try, then every 10 seconds or so, on the owner's thread. NULL: nobody listens.
    void (*on_wait)(void *context, const struct why *why);
    void *context;
};

struct bus_header {
    const char *name;
    struct bytes value;
};

struct bus_record {
    const char *topic;
    int32_t partition; // -1: by bus_partition of the key (the topic's count is asked for once)
    struct bytes key;
    struct bytes value; // data NULL: null
    const struct bus_header *headers;
    size_t header_count;
};

struct bus_producer;

// Creates the client and, for a transactional one, waits until the coordinator has fenced its
// predecessors. ERR_STOP: stopping meanwhile. ERR_FATAL: settings, or not authorised.
MUST_CHECK enum err bus_producer_open(const struct bus_config *config,
                                      const struct bus_producer_options *options,
                                      struct bus_producer **ret, struct why *why);
// Leaves an open transaction to the next owner of the id (init_transactions aborts it).
void bus_producer_close(struct bus_producer *producer);
DEFINE_CLEANUP(struct bus_producer, bus_producer_close)

// Number of partitions of a topic. ERR_FATAL: there is no such topic (the sentence names the
// remedy).
MUST_CHECK enum err bus_producer_partitions(struct bus_producer *producer, const char *topic,
                                            int32_t *ret, struct why *why);

// Copies the record into the send queue, waiting for room where it is full. In a transaction:
// ERR_RETRY: abort. Outside: the record is acknowledged only once bus_producer_flush says so.
// ERR_REJECT: this record can never be sent (too large). ERR_FATAL.
MUST_CHECK enum err bus_producer_send(struct bus_producer *producer,
                                      const struct bus_record *record, struct why *why);
// Waits until everything sent is acknowledged. ERR_RETRY: some were not (their number in the
// sentence).
MUST_CHECK enum err bus_producer_flush(struct bus_producer *producer, int64_t wait_ms,
                                       struct why *why);

// ERR_FATAL with the code "fenced": another process has this id.
MUST_CHECK enum err bus_producer_begin(struct bus_producer *producer, struct why *why);
// Commits what was sent since begin, with the source offsets of `consumer` where positions are
// given (consumer NULL, count 0: none). ERR_OK: committed. ERR_RETRY: aborted, or its outcome is
// not known; the producer is ready for the next begin, and the caller must first read where it
// stands (bus_consumer_rewind, or its own progress record). ERR_FATAL with the code "fenced":
// another process has this id; other codes: see the sentence. ERR_STOP: stopping while it could not
// be settled.
MUST_CHECK enum err bus_producer_commit(struct bus_producer *producer,
                                        struct bus_consumer *consumer,
                                        const struct bus_position *positions, size_t count,
                                        struct why *why);
// Commits the ends of the consumer's partitions where its committed offsets are behind every record
// and have been for a while, in a transaction without records; does nothing where there are none.
// For a time in which nothing comes and no transaction is open. Why: a log whose records have all
// expired begins behind the marks of the transactions that wrote them, and an offset before its
// beginning is refused. Verdicts as above.
MUST_CHECK enum err bus_producer_commit_ends(struct bus_producer *producer,
                                             struct bus_consumer *consumer, struct why *why);
// Same verdicts, ERR_OK: aborted. Does nothing when no transaction is open. The caller rewinds.
// While the program stops it is tried for a second only: the next owner of the id does it, too.
MUST_CHECK enum err bus_producer_abort(struct bus_producer *producer, struct why *why);

// Whether the transactional id is still this producer's. Asked of the brokers by a transaction with
// one record on `topic`, which is aborted; one that is open is aborted first. ERR_OK: it is.
// Verdicts else as bus_producer_begin's and bus_producer_abort's.
MUST_CHECK enum err bus_producer_owns_id(struct bus_producer *producer, const char *topic,
                                         struct why *why);

// How long to wait from now until a begin that the broker will not be too early for: it is still
// ending the last transaction for a moment after its commit, and to ask meanwhile costs more than
// to wait. Learned from what is seen. For whoever has short transactions; a long one need not wait.
int64_t bus_producer_pause_us(const struct bus_producer *producer);

struct bus_producer_counts {
    uint64_t commits, aborts, rebuilds;
    uint64_t too_early; // transactions whose first request had to be repeated for that reason
};
struct bus_producer_counts bus_producer_counts(const struct bus_producer *producer);
