// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// Rows in PostgreSQL's COPY BINARY format, built in memory, for pg_copy. Fields are put in the
// order of the statement's columns. Running over the ceiling sticks: copy_finish tells it once, so
// putting fields needs no checks. Reused from batch to batch. One thread.

struct copy {
    struct text bytes;
    size_t rows;
    unsigned fields_left; // of the open row
    bool is_over;         // the ceiling was hit
};

// The next batch starts with copy_begin. `ceiling_bytes`: of all rows together.
void copy_init(struct copy *copy, size_t ceiling_bytes);
void copy_done(struct copy *copy);
void copy_begin(struct copy *copy);

// Starts a row of that many fields; exactly as many copy_ calls must follow (asserted).
void copy_row(struct copy *copy, unsigned fields);
void copy_null(struct copy *copy);
void copy_bool(struct copy *copy, bool value);
void copy_int2(struct copy *copy, int16_t value);
void copy_int4(struct copy *copy, int32_t value);
void copy_int8(struct copy *copy, int64_t value);
void copy_float8(struct copy *copy, double value);
void copy_text(struct copy *copy, struct bytes value); // data NULL: null
void copy_time_ms(struct copy *copy, int64_t ms);      // since 1970; as timestamptz
// As text[]: `count` texts, every `step`-th from the first on; none is null.
void copy_texts(struct copy *copy, const struct bytes *texts, size_t count, size_t step);

// Closes the batch and lends its bytes until the next copy_begin. ERR_REJECT: over the ceiling.
MUST_CHECK enum err copy_finish(struct copy *copy, struct bytes *ret, struct why *why);
