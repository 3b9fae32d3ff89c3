// SPDX-License-Identifier: MIT
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "base/err.h"
#include "bus/config.h"
#include "bus/consumer.h"
#include "bus/producer.h"

// Shared by the .c files of this module (and its tests) only: making librdkafka handles out of a
// bus_config, and turning their errors into verdicts.

// The longest that a call which a stop cannot end may wait for a broker, where there is a choice:
// two of them fit into the grace of a program. What needs longer asks again.
enum { BUS_STEP_MS = 2000 };

struct bus_pair {
    const char *name, *value;
};

// A configuration with what every client of ours has, then the pairs, then the operator's
// properties. `opaque` reaches the callbacks. The caller owns *ret until rd_kafka_new takes it.
MUST_CHECK enum err bus_conf_new(const struct bus_config *config, const struct bus_pair *pairs,
                                 size_t count, void *opaque, rd_kafka_conf_t **ret,
                                 struct why *why);
// A copy of such a list; free by bus_properties_free.
char **bus_properties_copy(char *const *from);
// True and set where this librdkafka knows the property; false where it does not.
bool bus_conf_set_if_known(rd_kafka_conf_t *conf, const char *name, const char *value);
// [SCHEME://]host[:port] with commas between, as bootstrap.servers wants it.
bool bus_servers_are_valid(const char *servers);
// Creates the client; takes *conf in any case.
MUST_CHECK enum err bus_client_new(rd_kafka_type_t type, rd_kafka_conf_t **conf, rd_kafka_t **ret,
                                   struct why *why);
// What the opaque of every handle starts with: where its log lines go, and how its brokers are.
struct bus_opaque {
    void (*log)(int level, const char *facility, const char *message);
    // Monotonic milliseconds, 0: never. Moved by librdkafka's threads.
    atomic_llong all_down_ms; // no broker could be reached
    atomic_llong answered_ms; // one has answered; only where the handle counts answers
};

// Verdict of a response code of the client or a broker outside transactions.
enum err bus_verdict(rd_kafka_resp_err_t code);
// The same as one sentence behind `what`.
enum err bus_fail(rd_kafka_resp_err_t code, const char *what, struct why *why);

// Puts before the sentence where somebody waits for Kafka.
enum err bus_waits(const char *bootstrap_servers, enum err err, struct why *why);

// Partitions of a topic; 0: there is none of that name. ERR_RETRY: not known now.
MUST_CHECK enum err bus_count_partitions(rd_kafka_t *rk, const char *topic, int wait_ms,
                                         int32_t *ret, struct why *why);
// The same, with the copies of the partition that has the fewest.
MUST_CHECK enum err bus_count_replicas(rd_kafka_t *rk, const char *topic, int wait_ms,
                                       int32_t *ret_partitions, int32_t *ret_replicas,
                                       struct why *why);
// The verdict where there must be one.
enum err bus_no_topic(const char *topic, struct why *why);
// Waits for one message, then takes what is there already, up to `max` in all: librdkafka's batch
// call would wait out its whole time unless the batch is full.
size_t bus_fetch(rd_kafka_queue_t *queue, rd_kafka_message_t **ret, size_t max, int64_t wait_ms);

rd_kafka_topic_partition_list_t *bus_list_of(const struct bus_position *positions, size_t count);
// rd_kafka_assign, behind which the next one may come at any time. Not for a client that is being
// closed: it would wait for ever.
rd_kafka_resp_err_t bus_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list);
// The consumer's client handle, for a producer that sends its offsets.
rd_kafka_t *bus_consumer_client(struct bus_consumer *consumer);
// Those offsets are committed, as the transaction coordinator has acknowledged.
void bus_consumer_committed(struct bus_consumer *consumer, const struct bus_position *positions,
                            size_t count);

// The greatest offset that is known to be committed, per partition: what a broker tells must not be
// less. Topics are names that outlive the table. Linear, for the partitions of one member.
struct bus_floor {
    struct bus_position *positions;
    size_t count;
};
void bus_floor_raise(struct bus_floor *floor, const char *topic, int32_t partition, int64_t offset);
// BUS_OFFSET_NONE: nothing is known.
int64_t bus_floor_of(const struct bus_floor *floor, const char *topic, int32_t partition);
// Fills one message from librdkafka's; the topic's name is interned by the caller.
void bus_message_fill(struct bus_message *ret, const char *topic,
                      const rd_kafka_message_t *message);

// The record's headers as librdkafka wants them; NULL: none.
rd_kafka_headers_t *bus_headers_of(const struct bus_record *record);
// Copies the record into the send queue, without waiting: the code of librdkafka's queue. The
// headers stay the caller's unless it is accepted. `opaque` comes back with the delivery report.
rd_kafka_resp_err_t bus_enqueue(rd_kafka_t *rk, const struct bus_record *record, int32_t partition,
                                rd_kafka_headers_t *headers, void *opaque);
