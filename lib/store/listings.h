// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"
#include "domain/employee.h"
#include "domain/features.h"
#include "domain/plan.h"
#include "domain/prediction.h"
#include "store/pg.h"

// Reads of what the recorder has stored, for the gateway's GETs and for what it must know before it
// asks for something. One statement each; lists are bounded and go on behind a key, so that a page
// costs the same wherever it stands. Everything that is given borrows its text from *ret_rows,
// which the caller frees (pg_rows_free); where something is not found *ret_rows stays untouched.
// One thread.

enum { LISTINGS_MAX = 1000 }; // rows of one page

// ---- people

// The latest state of an employee.
struct listings_employee {
    struct bytes employee_id;
    struct bytes event_id;
    int64_t event_time_ms;
    enum change change;
    struct bytes source;
    struct bytes requested_by;
    bool has_left;
    int64_t left_at_ms; // 0 where the person is there
    // features->count of them, in the order of the features: what a score of this state is made of.
    struct value attributes[FEATURES_MAX];
};
// ERR_FATAL with the remedy where the table lacks a column of the features.
MUST_CHECK enum err listings_employee(struct pg *pg, const struct features *features,
                                      struct bytes employee_id, bool *ret_found,
                                      struct listings_employee *ret, struct pg_rows **ret_rows,
                                      struct why *why);
// *ret_known false: there is no such employee, who then has not left.
MUST_CHECK enum err listings_has_left(struct pg *pg, struct bytes employee_id, bool *ret_known,
                                      bool *ret_left, struct why *why);

// ---- predictions

MUST_CHECK enum err listings_prediction(struct pg *pg, struct bytes prediction_id, bool *ret_found,
                                        struct prediction *ret, struct pg_rows **ret_rows,
                                        struct why *why);

// The latest prediction of an employee by event time. Without source_* and requested_by, which
// listings_prediction has. *ret_found false: nothing is known; *ret_departed: the person has left,
// and of `ret` only employee_id, event_time_ms and scored_at_ms are there.
MUST_CHECK enum err listings_current(struct pg *pg, struct bytes employee_id, bool *ret_found,
                                     bool *ret_departed, struct prediction *ret,
                                     struct pg_rows **ret_rows, struct why *why);

// Where a page of an employee's predictions ended: the next one goes on behind. Any place is good
// here, also one that was made up; of its text only what PostgreSQL takes (UTF-8 without NUL).
struct listings_history_place {
    int64_t scored_at_ms;
    struct bytes prediction_id; // null: from the beginning
};
// Up to `max` predictions of an employee, the one that was scored last first.
MUST_CHECK enum err listings_history(struct pg *pg, struct bytes employee_id,
                                     const struct listings_history_place *after,
                                     struct prediction *ret, size_t max, size_t *ret_count,
                                     struct pg_rows **ret_rows, struct why *why);

// Where a page of current predictions ended, likewise. listings_place_of gives that of a
// prediction.
struct listings_place {
    double probability;       // -1 for band unknown, which comes last
    struct bytes employee_id; // null: from the beginning
};
struct listings_place listings_place_of(const struct prediction *prediction);

struct listings_filter {
    const enum band *band;   // NULL: every one
    struct bytes department; // null: every one
};
// Up to `max` current predictions of people who have not left, by falling probability and rising
// employee id. As listings_current without source_* and requested_by.
MUST_CHECK enum err listings_predictions(struct pg *pg, const struct listings_filter *filter,
                                         const struct listings_place *after, struct prediction *ret,
                                         size_t max, size_t *ret_count, struct pg_rows **ret_rows,
                                         struct why *why);

// ---- plans

MUST_CHECK enum err listings_plan(struct pg *pg, struct bytes plan_id, bool *ret_found,
                                  struct plan *ret, struct pg_rows **ret_rows, struct why *why);
// The plan that answered a request (its correlation id).
MUST_CHECK enum err listings_plan_of_request(struct pg *pg, struct bytes request_id,
                                             bool *ret_found, struct plan *ret,
                                             struct pg_rows **ret_rows, struct why *why);
// Up to `max` plans of a prediction, the latest first.
MUST_CHECK enum err listings_plans(struct pg *pg, struct bytes prediction_id, struct plan *ret,
                                   size_t max, size_t *ret_count, struct pg_rows **ret_rows,
                                   struct why *why);
