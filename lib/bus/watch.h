// SPDX-License-Identifier: MIT
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// What a transactional client sends, seen by an interceptor: the only trace of what it does by
// itself. For this module's files and their tests only. bus_watch_sent is called by librdkafka's
// threads, the others by the producer's owner.

// Request types of the Kafka protocol.
enum {
    BUS_KEY_PRODUCE = 0,
    BUS_KEY_ADD_PARTITIONS_TO_TXN = 24,
    BUS_KEY_ADD_OFFSETS_TO_TXN = 25,
    BUS_KEY_END_TXN = 26,
    BUS_KEY_TXN_OFFSET_COMMIT = 28,
};

struct bus_watch {
    // Since the last call:
    atomic_uint end_txn, offset_commit, add_offsets;
    // Since the begin:
    atomic_uint produce;
    atomic_llong first_us;          // AddPartitionsToTxn or AddOffsetsToTxn; 0: none yet
    atomic_llong add_partitions_us; // the last one
    atomic_bool was_too_early;
};

void bus_watch_sent(struct bus_watch *watch, int16_t key, int64_t now_us);

// Before a begin, and before each call that may repeat a request.
void bus_watch_begin(struct bus_watch *watch);
void bus_watch_call(struct bus_watch *watch);

// True where a request that ends a transaction or commits its offsets was sent more than once in
// this call: the first may still be under way (KAFKA-17754).
bool bus_watch_was_sent_twice(const struct bus_watch *watch);
// True where the first request of this transaction came before the coordinator had ended the last
// one (pace.h). The answer is hidden in the client, but AddOffsetsToTxn is then sent a second time
// within one call, and AddPartitionsToTxn after 20 ms without anything produced in between.
bool bus_watch_was_too_early(const struct bus_watch *watch);
// When that first request was sent; 0: there was none.
int64_t bus_watch_first_us(const struct bus_watch *watch);
