// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/config.h"
#include "bus/producer.h"

// An idempotent producer for a program that answers others while it sends: any thread hands over a
// record and goes on, and is told what became of it on the sender's own thread. No call waits for a
// broker but bus_sender_drain. Open it first and close it last: its callbacks touch what its users
// own.

struct bus_sender_options {
    const char *const *topics; // all that will be sent to, whole names; copied
    size_t topic_count;
    int64_t give_up_ms;   // a record that is not acknowledged after so long is given up; 0: 10 s
    int64_t away_ms;      // no broker could be reached for so long: nothing is taken; 0: 3 s
    size_t queue_records; // taken and not yet told of, at most; 0: 20,000
    int64_t queue_bytes;  // of keys and values; 0: 16 MiB
    int64_t linger_us;    // how long records wait for company; 0: not at all
};

// What became of a record.
struct bus_sent {
    enum err err;        // ERR_OK: acknowledged; ERR_RETRY: given up; ERR_REJECT: refused for good
    bool may_be_there;   // given up, but perhaps it is in the topic all the same
    int32_t partition;   // where it is; with ERR_OK
    int64_t offset;      // with ERR_OK
    const char *because; // a sentence; NULL with ERR_OK; borrowed for the call
};
// Called once for each record that was taken, on the sender's thread: must not wait, and must not
// call bus_sender_drain or bus_sender_close. It may send.
typedef void bus_sent_fn(void *context, const struct bus_sent *sent);

struct bus_sender;

// Does not wait for brokers. ERR_FATAL: settings.
MUST_CHECK enum err bus_sender_open(const struct bus_config *config,
                                    const struct bus_sender_options *options,
                                    struct bus_sender **ret, struct why *why);
// Gives up what is left, and tells of it, before it returns.
void bus_sender_close(struct bus_sender *sender);
DEFINE_CLEANUP(struct bus_sender, bus_sender_close)

// Copies the record and returns; `sent` will be called. Records of one key keep their order.
// Otherwise `sent` will not be called: ERR_RETRY at once, where the queue is full, no broker was
// reached for `away_ms` or ever, the topic is not there, or the sender drains; ERR_REJECT: too
// large. The topic is one of the options' (else ERR_FATAL). Any thread.
MUST_CHECK enum err bus_sender_send(struct bus_sender *sender, const struct bus_record *record,
                                    bus_sent_fn *sent, void *context, struct why *why);

// Whether a record would be taken, but for a full queue; else why not. Any thread.
bool bus_sender_is_connected(struct bus_sender *sender, struct why *why);
// Partitions of one of the options' topics; 0: not known yet. Any thread.
int32_t bus_sender_partitions(struct bus_sender *sender, const char *topic);
// Records taken and not yet told of. Any thread.
size_t bus_sender_pending(struct bus_sender *sender);

// Takes nothing more, and waits until every record taken was told of, for `wait_ms` at most.
// ERR_RETRY: some were not.
MUST_CHECK enum err bus_sender_drain(struct bus_sender *sender, int64_t wait_ms, struct why *why);
