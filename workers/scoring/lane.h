// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "activity.h"
#include "base/err.h"
#include "base/metrics.h"
#include "bus/config.h"
#include "domain/facts.h"
#include "domain/features.h"
#include "live_model.h"
#include "registry/registry.h"

// A scoring lane: one input topic, its consumer, its transactional producer and the thread that
// runs it. It reads events, scores them and writes predictions, high-risk, replies and dead letters
// together with the source offsets in one Kafka transaction: a score is visible once, whatever
// crashes.

struct lane_options {
    const char *topic_prefix;
    const char *topic; // of a lane, without the prefix; also its name in metrics and ids
    int64_t slot;
    const struct bus_config *bus;
    const struct features *features;
    const struct facts_choice *facts; // that go with a score over the threshold
    struct live_model *model;
    struct registry *registry;
    struct metrics *metrics;
    struct activity *activity; // shared with the other lanes of the process
    uint32_t prediction_schema_id, high_risk_schema_id, reply_schema_id;
    int64_t commit_interval_ms;
    int64_t transaction_bytes;
    int64_t fetch_ahead_bytes;
};

struct lane;

// Whether there is a lane for this topic (without the prefix).
bool lane_is_known(const char *topic);

// Everything in `options` is borrowed for the life of the lane.
struct lane *lane_new(const struct lane_options *options);
void lane_free(struct lane *lane);
DEFINE_CLEANUP(struct lane, lane_free)

// Works until the program stops (ERR_STOP, everything committed or given back) or something needs a
// person (ERR_FATAL; the code "fenced" where another process has this slot).
MUST_CHECK enum err lane_run(struct lane *lane, struct why *why);

// True while the lane can work; the sentence says what it waits for. Any thread.
bool lane_is_ready(struct lane *lane, struct why *why);
