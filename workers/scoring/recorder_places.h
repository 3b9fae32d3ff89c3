// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/consumer.h"
#include "recorder_batch.h"
#include "recorder_decide.h"
#include "store/offsets.h"
#include "store/pg.h"

// The partitions that the recorder holds: its place in each, the proof that the log is the one it
// knows, and how far the block in work goes. One thread.

struct recorder_place {
    struct recorder_log log; // log.topic is borrowed from the recorder
    const struct recorder_topic *topic;
    struct offsets_row row;
    bool is_checked; // false until the record at row.last_applied was seen to be the one we know
    // A record has to be waited for: what comes behind it is dropped until the place starts again.
    bool is_held_up;
    // The block in work:
    bool is_moved;
    int64_t next;
    int64_t last_applied; // OFFSETS_NONE: no record in this block
    int64_t last_timestamp_ms;
    struct bytes last_key, last_value; // borrowed from the block
    uint64_t records;
};

struct recorder_places {
    struct recorder_place *items;
    size_t count, capacity;
    struct recorder_place *recent; // of the last message
    struct offsets_step *steps;
};

void recorder_places_done(struct recorder_places *places);
void recorder_places_clear(struct recorder_places *places);
// A place that is not started yet; the name is borrowed for its life.
struct recorder_place *recorder_places_add(struct recorder_places *places,
                                           const struct recorder_topic *topic, const char *name,
                                           int32_t partition);
// The reasons of gaps, by enum offsets_gap.
enum { RECORDER_GAPS = OFFSETS_GAP_COMPACTED + 1 };
extern const char *const recorder_gaps[RECORDER_GAPS];
// Takes the partition in the tables, compares its log with what they know, and notes a gap where
// there is one. *ret_offset: where to read from. *ret_gap: the reason of a gap that was not noted
// before, else NULL. ERR_FATAL with the remedy where it is another log.
MUST_CHECK enum err recorder_place_start(struct recorder_place *place, struct pg *pg,
                                         struct bus_consumer *consumer, int64_t *ret_offset,
                                         const char **ret_gap, struct why *why);
// NULL: not held.
struct recorder_place *recorder_places_find(struct recorder_places *places, const char *topic,
                                            int32_t partition);

// Forgets the block in work, but not what is held up.
void recorder_places_begin(struct recorder_places *places);
// Looks at a message before it is applied: *ret_applies tells whether it is to be. ERR_FATAL: the
// log is another one. Asks `consumer` for the log's start where the known record is missing;
// ERR_RETRY: it does not answer.
MUST_CHECK enum err recorder_place_look(struct recorder_place *place, struct bus_consumer *consumer,
                                        const struct bus_message *message, bool *ret_applies,
                                        struct why *why);
// The message is applied (or skipped for good).
void recorder_place_pass(struct recorder_place *place, const struct bus_message *message);
// The partition's end was reached. Verdicts as recorder_place_look.
MUST_CHECK enum err recorder_place_end(struct recorder_place *place, struct bus_consumer *consumer,
                                       int64_t offset, struct why *why);

// The steps of all places that moved; lives until the next begin.
size_t recorder_places_steps(struct recorder_places *places, const struct offsets_step **ret);
// The transaction is committed: the places are where the steps went.
void recorder_places_commit(struct recorder_places *places);
