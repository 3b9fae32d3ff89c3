// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "domain/plan.h"
#include "store/append.h"
#include "store/copy.h"
#include "store/pg.h"

// The table retention_plan: plans written as they were read from `retention-plans`, and rows read
// back. One thread.

// As append_rows, in the caller's transaction; `copy` is used for the rows. The plans have passed
// plan_check.
MUST_CHECK enum err retention_plans_store(struct pg *pg, const struct plan *plans, size_t count,
                                          struct copy *copy, bool is_careful,
                                          struct append_result *ret, struct why *why);

// The plan in a row whose first columns are those of the table, in their order; all text null where
// there is none. Text is borrowed from `rows`.
void retention_plans_read(const struct pg_rows *rows, size_t row, struct plan *ret);
