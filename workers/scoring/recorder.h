// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "bus/config.h"
#include "domain/features.h"
#include "registry/registry.h"

// The recorder: copies topics into PostgreSQL, exactly once. The rows of a batch and the offsets
// behind it are one PostgreSQL transaction, moved by compare-and-set, so the tables are a copy of
// the topics up to kafka_offset.next, whatever crashes. One thread, its own consumer.

struct recorder_options {
    const char *topic_prefix;
    int64_t slot;
    const struct bus_config *bus;
    const char *database_url;
    const struct features *features;
    struct registry *registry;
    struct metrics *metrics;
    int64_t fetch_ahead_bytes;
};

struct recorder;

// Everything in `options` is borrowed for the life of the recorder.
struct recorder *recorder_new(const struct recorder_options *options);
void recorder_free(struct recorder *recorder);
DEFINE_CLEANUP(struct recorder, recorder_free)

// Works until the program stops (ERR_STOP) or something needs a person (ERR_FATAL): tables that are
// not migrated, a topic that is not there or was made again (the sentence names the remedy), or,
// with the code "fenced", another process with this slot.
MUST_CHECK enum err recorder_run(struct recorder *recorder, struct why *why);

// True while the recorder can work; the sentence says what it waits for. Any thread.
bool recorder_is_ready(struct recorder *recorder, struct why *why);
