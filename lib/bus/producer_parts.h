// SPDX-License-Identifier: MIT
#pragma once

#include "bus/client.h"
#include "bus/decision.h"
#include "bus/pace.h"
#include "bus/watch.h"

// The inside of a producer, shared by producer.c (the client, and sending) and
// producer_transaction.c (the guard) only.

enum { PRODUCER_TOPICS_MAX = 64, PRODUCER_CALLS_MAX = 3 };

struct producer_topic {
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
    struct producer_topic topics[PRODUCER_TOPICS_MAX];
    size_t topic_count;
    struct bus_producer_counts counts;
};

// The client is made anew, and has fenced what the old one left behind. ERR_STOP, ERR_FATAL.
enum err producer_rebuild(struct bus_producer *producer, struct why *why);
// Takes the error: its sentence into `why`, whether it was of the transport, and what it asks for.
enum bus_decision producer_take_error(rd_kafka_error_t *error, const char *what,
                                      bool *was_transport, struct why *why);
