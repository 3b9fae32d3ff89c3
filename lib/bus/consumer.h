// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "bus/config.h"

// A member of a Kafka consumer group, read in blocks. Never commits or resets offsets by itself: a
// partition without a known place, or one out of range, is an error that names the remedy. All
// calls and all callbacks run on the thread that owns the consumer. The assignor is range and
// eager. The bus_config is borrowed as long as the consumer lives.

struct bus_position {
    const char *topic; // borrowed
    int32_t partition;
    int64_t offset;    // the next one to read; BUS_OFFSET_NONE: not known
    char metadata[64]; // of a committed offset: "gen=1"
};
enum { BUS_OFFSET_NONE = -1001, BUS_OFFSET_BEGINNING = -2, BUS_OFFSET_END = -1 };

struct bus_message {
    const char *topic; // lives as long as the consumer
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; // 0: none
    struct bytes key;     // data NULL: null
    struct bytes value;   // data NULL: null (a tombstone)
    const void *handle;   // for bus_message_header
};

// The last header of that name: true and its bytes (data NULL: null).
bool bus_message_header(const struct bus_message *message, const char *name, struct bytes *ret);
// Number `index` of all headers; false beyond the last. The name lives as long as the message.
bool bus_message_header_at(const struct bus_message *message, size_t index, const char **ret_name,
                           struct bytes *ret);

struct bus_consumer_options {
    const char *group;
    const char *instance_id; // static membership; NULL: dynamic
    const char *const *topics;
    size_t topic_count;
    // Called when partitions come: fills `offset` of each (BUS_OFFSET_NONE leaves the committed
    // one). ERR_RETRY: asked again soon (it says itself what it waits for); anything else but
    // ERR_OK ends the consumer with that verdict. NULL: the group's committed offsets, with their
    // metadata in the positions of bus_consumer_assignment.
    enum err (*assigned)(void *context, struct bus_position *positions, size_t count,
                         struct why *why);
    // Called when partitions go, before they are gone; may be NULL.
    void (*revoked)(void *context, const struct bus_position *positions, size_t count);
    // Called where the group says that another process has this place of a static member: whether
    // it is still ours. ERR_OK: the client is made anew and joins again, which the other is told of
    // in turn; so there must be one judge of both, that is whatever else only one of them can own.
    // ERR_RETRY: not known yet, asked again by the next poll. Other verdicts are the poll's. NULL:
    // it is not ours.
    enum err (*owns_place)(void *context, struct why *why);
    // Called when something has come for a poll that found nothing, from any thread and under locks
    // of librdkafka: it may wake the owner and nothing else. NULL: the owner waits in its polls.
    void (*came)(void *context);
    void *context;
    int64_t fetch_wait_ms; // how long the broker holds a request for records where there are none:
                           // each costs CPU time, and a partition that is continued or moved to
                           // another offset is asked for after it; 0: 20 ms
    int64_t queue_bytes;   // ceiling of what is fetched ahead; 0: 16 MiB
    bool wants_end;        // report the ends of partitions in a block
};

struct bus_consumer;

// One block of messages, valid until bus_block_release or the next poll.
struct bus_block {
    struct bus_message *messages;
    size_t count;
    bool
        was_rebalanced; // partitions went (and perhaps came) during this poll: drop what is pending
    struct bus_position *ends; // partitions whose end was reached: offset is behind the last record
    size_t end_count;          // (and behind control records)
};

MUST_CHECK enum err bus_consumer_open(const struct bus_config *config,
                                      const struct bus_consumer_options *options,
                                      struct bus_consumer **ret, struct why *why);
// Leaves the group and closes, within a few seconds.
void bus_consumer_close(struct bus_consumer *consumer);
DEFINE_CLEANUP(struct bus_consumer, bus_consumer_close)

// Waits until there is at least one message or `wait_ms` is over; takes up to `max` (1..10000)
// messages. ERR_OK with count 0: nothing came. ERR_RETRY: brokers out of reach, logged by the
// caller, poll on. ERR_FATAL: fenced, no committed offset, offset out of range; the sentence names
// the remedy.
MUST_CHECK enum err bus_consumer_poll(struct bus_consumer *consumer, size_t max, int64_t wait_ms,
                                      struct bus_block *ret, struct why *why);
void bus_block_release(struct bus_consumer *consumer, struct bus_block *block);

// The partitions held now, with the offset (and its metadata) they were started at. Returns the
// count; *ret is freed by the caller (mem_free_p).
size_t bus_consumer_assignment(struct bus_consumer *consumer, struct bus_position **ret);
// False, with a sentence, while no broker can be reached. librdkafka goes on trying: poll on.
bool bus_consumer_is_connected(const struct bus_consumer *consumer, struct why *why);
// Continues at that offset; what was fetched ahead of that partition is dropped.
MUST_CHECK enum err bus_consumer_seek(struct bus_consumer *consumer, const char *topic,
                                      int32_t partition, int64_t offset, struct why *why);
// Reads the group's committed offsets of all partitions held and seeks there (after an abort).
// ERR_RETRY with code "offset-went-back": the broker tells of less than was committed.
MUST_CHECK enum err bus_consumer_rewind(struct bus_consumer *consumer, struct why *why);
// Starts the partitions held now again, as if they had just come: `assigned` is asked for their
// offsets, and while it says ERR_RETRY no messages come and polls ask again. For a caller whose
// place is not kept by the group, when it no longer knows where it stands. ERR_FATAL: the verdict
// of `assigned`.
MUST_CHECK enum err bus_consumer_restart(struct bus_consumer *consumer, struct why *why);
// First offset kept and the end (behind the last record readers of committed data may see).
MUST_CHECK enum err bus_consumer_bounds(struct bus_consumer *consumer, const char *topic,
                                        int32_t partition, int64_t *ret_first, int64_t *ret_end,
                                        struct why *why);
// Serves the group (rebalances, liveness) without taking messages, while the caller holds a block
// that it cannot finish yet. *ret_rebalanced: partitions went meanwhile, what is held must be
// dropped. Verdicts as bus_consumer_poll. Costs a pause and a resume: for outages, not for every
// loop.
MUST_CHECK enum err bus_consumer_keep_alive(struct bus_consumer *consumer, bool *ret_rebalanced,
                                            struct why *why);
// Stops and continues the delivery of one partition. What was fetched of it is dropped and fetched
// again later; a message that is in the block already stays there. A partition stays paused when it
// goes: resume it in `revoked`. Not together with bus_consumer_keep_alive, which resumes all.
MUST_CHECK enum err bus_consumer_pause(struct bus_consumer *consumer, const char *topic,
                                       int32_t partition, bool is_paused, struct why *why);
// Offers offsets to the group without waiting, for lag tools only; a failure is forgotten.
void bus_consumer_note(struct bus_consumer *consumer, const struct bus_position *positions,
                       size_t count);
