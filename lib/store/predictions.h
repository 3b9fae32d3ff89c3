// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/prediction.h"
#include "domain/risk.h"
#include "store/pg.h"

// Writes what was read from `predictions`: a row of predictions_history for each score, and what
// follows from it for the employee: current_prediction, stale_prediction, risk_episode. All in the
// caller's transaction. One thread per writer; it may be used with one connection at a time.

// One record of the topic. Text is borrowed and fits the tables: the caller has checked it by
// predictions_check.
struct predictions_record {
    struct prediction prediction; // a departure has only employee_id, event_time_ms, scored_at_ms
    bool is_departure;            // a null value
    enum change change;           // the record's header; CHANGE_UPDATED where it has none
    int32_t partition;            // on `predictions`
    int64_t offset;
};

// ERR_REJECT with a code where the record cannot be a row: bad-employee-id, bad-prediction-id,
// bad-text, bad-time, bad-number, bad-band.
MUST_CHECK enum err predictions_check(const struct predictions_record *record, struct why *why);

struct predictions_result {
    size_t stored;     // new rows of predictions_history
    size_t duplicates; // were there already, equal to the last bit
    size_t conflicts;  // were there with other content: kept aside in recorder_conflict
    size_t departures;
    size_t stale; // came behind a newer value of the same employee
    size_t opened;
    size_t closed;
};

struct predictions_writer;

struct predictions_writer *predictions_writer_new(const struct risk_policy *policy);
void predictions_writer_free(struct predictions_writer *writer);
DEFINE_CLEANUP(struct predictions_writer, predictions_writer_free)

// What the writer needs of the session (temporary tables), outside of a transaction, before each
// batch; free when nothing changed.
MUST_CHECK enum err predictions_prepare(struct predictions_writer *writer, struct pg *pg,
                                        struct why *why);

// Stores the records, which stand in the order of their partitions. The quick way (is_careful
// false) copies straight into predictions_history and gives ERR_REJECT with the code "23505" when
// an id is there already: the caller rolls back and stores the same batch again with is_careful,
// which sorts out new, equal and differing ones. Records that are not new move nothing else.
MUST_CHECK enum err predictions_store(struct predictions_writer *writer, struct pg *pg,
                                      const struct predictions_record *records, size_t count,
                                      bool is_careful, struct predictions_result *ret,
                                      struct why *why);

// The columns reason_1, weight_1 ... weight_3 of a row: for the tables that hold them, too.
struct copy;
void predictions_put_reasons(struct copy *copy, const struct prediction *prediction);
