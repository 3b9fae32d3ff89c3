// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "domain/plan.h"
#include "domain/prediction.h"
#include "store/append.h"
#include "store/copy.h"
#include "store/pg.h"

// Writes what was read from `high-risk` into high_risk_facts, in the caller's transaction. One
// thread.

// One record of the topic. Everything is borrowed and fits the table: the caller has checked it by
// high_risk_check.
struct high_risk_record {
    struct prediction prediction;
    const struct bytes (*facts)[2]; // name and value
    size_t fact_count;
};

// ERR_REJECT with a code where the record cannot be a row: those of predictions_check, bad-fact.
MUST_CHECK enum err high_risk_check(const struct high_risk_record *record, struct why *why);

// As append_rows; `copy` is used for the rows.
MUST_CHECK enum err high_risk_store(struct pg *pg, const struct high_risk_record *records,
                                    size_t count, struct copy *copy, bool is_careful,
                                    struct append_result *ret, struct why *why);
