// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "body.h"

// Many employees in one body, as JSON lines or as CSV: a row at a time, each right or with what is
// wrong in it. No I/O. Any thread.

enum { INGEST_ROWS_MAX = 10000 };

enum ingest_format { INGEST_JSON_LINES, INGEST_CSV };

// One row, from 1 on, without the header and empty lines. errors->count 0: `person` is right, and
// its id is there; else its id is there where `has_id`. Everything is borrowed for the call.
typedef void ingest_take(void *context, size_t row, const struct body_person *person,
                         const struct body_errors *errors);

// How many rows there are. ERR_REJECT with the code "too-many-rows".
MUST_CHECK enum err ingest_count(enum ingest_format format, struct bytes body, size_t *ret,
                                 struct why *why);
// Gives every row. ERR_REJECT with a code: a CSV without a header that can be used. `ignored`
// receives the columns that are none of ours, as JSON texts with commas between.
MUST_CHECK enum err ingest_read(const struct body_reader *reader, const struct features *features,
                                enum ingest_format format, struct bytes body, int64_t now_ms,
                                struct text *ignored, ingest_take *take, void *context,
                                struct why *why);

// What must be true of a state beside its attributes; adds errors.
void ingest_check(const struct body_person *person, bool needs_id, int64_t now_ms,
                  struct body_errors *errors);
