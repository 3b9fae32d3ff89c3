// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/config.h"
#include "bus/consumer.h"

// Reads a topic from outside any group: for tools and for programs that look up their own records.
// Sees committed records only. One thread owns a reader.

enum { BUS_ALL_PARTITIONS = -1 };

struct bus_reader;

struct bus_reader_options {
    const char *topic;
    int32_t partition;    // or BUS_ALL_PARTITIONS
    int64_t from;         // an offset for every partition, BUS_OFFSET_BEGINNING or BUS_OFFSET_END
    int64_t from_time_ms; // over 0: instead, the first record with that broker timestamp or a later
    int64_t wait_ms;      // how long a request may wait for the brokers; 0: 10 s
};

// A partition that ends before the offset has nothing to read yet. ERR_FATAL: all of them do, or
// there is no such topic or partition (code "no-partition").
MUST_CHECK enum err bus_reader_open(const struct bus_config *config,
                                    const struct bus_reader_options *options,
                                    struct bus_reader **ret, struct why *why);
void bus_reader_close(struct bus_reader *reader);
DEFINE_CLEANUP(struct bus_reader, bus_reader_close)

// The partitions whose first kept record comes behind `from`, each with the offset where it begins
// instead: how many. They live as long as the reader.
size_t bus_reader_gaps(const struct bus_reader *reader, const struct bus_position **ret);

// As bus_consumer_poll. *ret_at_end (may be NULL): every partition has reached the end that it had
// when the reader opened.
MUST_CHECK enum err bus_reader_poll(struct bus_reader *reader, size_t max, int64_t wait_ms,
                                    struct bus_block *ret, bool *ret_at_end, struct why *why);
void bus_reader_release(struct bus_reader *reader, struct bus_block *block);
