// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/risk.h"
#include "store/pg.h"
#include "store/predictions.h"

// The employees of one batch: their states as the tables have them, the fold of their records over
// them, and the writing of what moved. For predictions.c. Reused from batch to batch; one thread.

struct episodes_employee {
    size_t first, count; // its records in `sorted`
    struct risk_state state;
    int64_t open_id;   // row of the open episode in the tables; 0: none there
    ptrdiff_t open_at; // of an episode opened in this batch, in `opens`; -1: none
    bool was_noted;    // in stale_prediction
    bool is_noted;     // to be, after the batch
    int32_t note_partition;
    int64_t note_offset;
};

struct episodes {
    size_t count;
    struct episodes_employee *employees;
    struct bytes *ids; // of the employees, in their order
    size_t employee_capacity;
    struct episodes_open *opens;
    struct episodes_close *closes;
    size_t open_count, close_count, move_capacity;
    size_t stale_records, opened, closed; // of the batch
};

void episodes_init(struct episodes *episodes);
void episodes_done(struct episodes *episodes);

// Groups the records, which are sorted by employee, and reads each employee's state.
MUST_CHECK enum err episodes_read(struct episodes *episodes, struct pg *pg,
                                  const struct predictions_record *const *sorted, size_t count,
                                  struct why *why);
// Folds the records of employee number `at` in their order. The record that is the latest now, or
// NULL when none of them is.
const struct predictions_record *episodes_fold(struct episodes *episodes, size_t at,
                                               const struct risk_policy *policy,
                                               const struct predictions_record *const *sorted);
// Writes the episodes and the notes that the folds have moved.
MUST_CHECK enum err episodes_write(struct episodes *episodes, struct pg *pg, struct why *why);
