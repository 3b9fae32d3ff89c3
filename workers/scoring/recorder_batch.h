// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "bus/consumer.h"
#include "bus/topics.h"
#include "domain/features.h"
#include "registry/registry.h"
#include "store/employees.h"
#include "store/pg.h"
#include "store/predictions.h"

// Records of one block, decoded and checked, and their way into the tables: one handler per topic.
// What the records borrow from the messages lives as long as the block. One thread.

enum { RECORDER_BATCH_MAX = 4000 }; // records

struct recorder_batch;

// One topic that is recorded.
struct recorder_topic {
    enum bus_topic topic;
    bool is_compacted;
    int64_t compaction_lag_ms;
    int32_t rank; // of its events among those of other topics; 0: it has none
    // Adds the message's record. ERR_REJECT: it is skipped (a scoring lane dead-letters it).
    // ERR_RETRY: its schema cannot be had now.
    enum err (*add)(struct recorder_batch *batch, const struct recorder_topic *topic,
                    const struct bus_message *message, int32_t generation, struct why *why);
};

// Static data: every topic that the recorder reads.
size_t recorder_topics(const struct recorder_topic **ret);

// ERR_FATAL: the features make no statements.
MUST_CHECK enum err recorder_batch_new(const struct features *features, struct registry *registry,
                                       struct recorder_batch **ret, struct why *why);
void recorder_batch_free(struct recorder_batch *batch);
DEFINE_CLEANUP(struct recorder_batch, recorder_batch_free)

void recorder_batch_clear(struct recorder_batch *batch);
// Verdicts of the topic's handler; a skipped record is counted.
MUST_CHECK enum err recorder_batch_add(struct recorder_batch *batch,
                                       const struct recorder_topic *topic,
                                       const struct bus_message *message, int32_t generation,
                                       struct why *why);

// Before the transaction: what the writers need of the session.
MUST_CHECK enum err recorder_batch_prepare(struct recorder_batch *batch, struct pg *pg,
                                           struct why *why);
// In the transaction. ERR_REJECT with the code "23505": roll back and store again with is_careful.
MUST_CHECK enum err recorder_batch_store(struct recorder_batch *batch, struct pg *pg,
                                         bool is_careful, struct why *why);
// After the commit: adds what was stored and skipped to the metrics. Returns the number of records
// whose id was there with other content.
size_t recorder_batch_count(const struct recorder_batch *batch, struct metrics *metrics);
