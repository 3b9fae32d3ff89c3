// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"
#include "domain/features.h"
#include "model/model.h"

// What a person should know beside a score: what the model had to guess, and which rules of the
// features file the row breaks. One thread.

// Appends "DailyRate is missing; more years in the role than at the company", or nothing. `values`
// are features->count that passed employee_check_attributes. ERR_FATAL: over the ceiling of `out`.
MUST_CHECK enum err notes_write(const struct model *model, const struct features *features,
                                const struct value *values, enum language language,
                                struct text *out, struct why *why);
