// SPDX-License-Identifier: MIT
#pragma once

#include "base/backoff.h"
#include "bus/client.h"

// The inside of a consumer, shared by consumer.c (the client and its messages) and
// consumer_assignment.c (partitions and where they begin) only.

enum { CONSUMER_BLOCK_MAX = 10000 };

struct known_topic {
    char *name;
    const rd_kafka_topic_t
        *handle; // librdkafka's, once a message of it came: quicker than the name
};

// How far a partition was read.
struct consumer_reach {
    const char *topic;
    int32_t partition;
    int64_t next; // behind the last record that was given out; BUS_OFFSET_NONE: none was
    int64_t end;  // of the log, when it was reached; BUS_OFFSET_NONE: it was not
    int64_t end_ms;
};

struct bus_consumer {
    struct bus_opaque opaque; // first: the log callback looks for it here
    const struct bus_config *config;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    char *group, *instance_id;
    struct bus_consumer_options options; // without its pointers to text, which are above
    struct known_topic *topics;          // those of the options first
    size_t topic_count;
    rd_kafka_message_t **taken; // messages of the block that is out
    size_t taken_count;
    struct bus_message *messages;
    struct bus_position *ends;
    size_t end_count;
    rd_kafka_topic_partition_list_t *pending; // to be assigned once their offsets are known
    struct backoff pending_backoff;
    int64_t pending_at_ms;
    rd_kafka_topic_partition_list_t *held; // assigned; metadata of committed offsets in it
    struct bus_floor floor;
    struct consumer_reach *reaches; // since the partitions were started
    size_t reach_count;
    bool was_rebalanced;
    bool is_closing;
    enum err failure; // of a callback, given by the next poll
    struct why failure_why;
};

// The name that lives as long as the consumer.
const char *consumer_intern(struct bus_consumer *consumer, const rd_kafka_topic_t *handle,
                            const char *name);
// Gives the messages of the last block back.
void consumer_release_taken(struct bus_consumer *consumer);
// Takes what is queued and throws it away.
void consumer_drain(struct bus_consumer *consumer);
// What was read of a partition is forgotten with its start.
void consumer_forget_reaches(struct bus_consumer *consumer);
// The ends that were reached ENDS_MS ago or earlier, where the group's committed offset is behind
// every record but before the end: only marks of transactions and what was aborted is left out. As
// positions with the metadata of the committed ones, `max` at most; how many.
size_t consumer_covered_ends(struct bus_consumer *consumer, struct bus_position *ret, size_t max);
// The verdict of a callback since the last poll.
enum err consumer_take_failure(struct bus_consumer *consumer, struct why *why);

// Another process has this member's place, as the group says.
bool consumer_is_fenced(const struct bus_consumer *consumer);
enum err consumer_say_fenced(const struct bus_consumer *consumer, struct why *why);
// Tries to start the pending partitions; keeps them pending on ERR_RETRY.
void consumer_start_pending(struct bus_consumer *consumer);
// Frees a list, if there is one, and sets it to NULL.
void consumer_forget(rd_kafka_topic_partition_list_t **list);
// Tells that all partitions go, and forgets them.
void consumer_revoke(struct bus_consumer *consumer);
// librdkafka's callback.
void consumer_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque);
// What a client fails in of which the next poll will judge is no failure. A fenced client gets
// nothing more, so nothing of worth is in its queue.
enum err consumer_unless_judged(struct bus_consumer *consumer, enum err err);
