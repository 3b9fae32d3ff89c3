// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/consumer.h"
#include "bus/producer.h"
#include "domain/employee.h"
#include "domain/facts.h"
#include "domain/features.h"
#include "domain/prediction.h"
#include "live_model.h"
#include "tally.h"

// What a record becomes in the transaction of its lane: a prediction (and high-risk), a null value
// where the person left, a dead letter; and where somebody waits for it, a reply. Each carries the
// record's traceparent. One thread.

struct outputs_options {
    const char *topic_prefix;
    const struct features *features;
    const struct facts_choice *facts; // that go with a score over the threshold
    struct live_model *model;
    struct tally *tally; // of the open transaction
    enum trigger trigger;
    bool has_replies; // the lane's records may say where to answer
    uint32_t prediction_schema_id, high_risk_schema_id, reply_schema_id;
};

struct outputs;

// Everything in `options` is borrowed for the life of the outputs.
struct outputs *outputs_new(const struct outputs_options *options);
void outputs_free(struct outputs *outputs);

// The topics that are written to, whole names; NULL beyond the last.
const char *outputs_topic(const struct outputs *outputs, size_t index);
// Where records go from now on; all topics have so many partitions.
void outputs_use(struct outputs *outputs, struct bus_producer *producer, int32_t partitions);

// A transaction begins, and with it the model that is present now.
void outputs_begin(struct outputs *outputs);
// An event that passed the check. `generation`: of its topic. ERR_RETRY: abort. ERR_FATAL.
MUST_CHECK enum err outputs_send(struct outputs *outputs, const struct bus_message *message,
                                 const struct employee_change *change, int generation,
                                 struct why *why);
// A record that can never work, with the reason. Same verdicts.
MUST_CHECK enum err outputs_refuse(struct outputs *outputs, const struct bus_message *message,
                                   const struct why *refusal, struct why *why);
