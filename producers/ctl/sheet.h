// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/value.h"
#include "domain/features.h"

// The people of a CSV file, one after the other. One thread.

struct sheet;

// The header names attributes as the features file does (or by their `headers`); `id_column` names
// the employee's id, and where there is no such column the line's number is the id. Other columns
// are passed over. ERR_FATAL: the file cannot be read. ERR_REJECT: it has no header, none of the
// attributes, or one twice. The features are borrowed.
MUST_CHECK enum err sheet_open(const char *path, const char *id_column,
                               const struct features *features, struct sheet **ret,
                               struct why *why);
void sheet_close(struct sheet *sheet);
DEFINE_CLEANUP(struct sheet, sheet_close)

// The inputs that have no column, so that they are null in every row: a list for people, "" where
// there are none. Borrowed from the sheet.
const char *sheet_missing(const struct sheet *sheet);

struct sheet_row {
    size_t line;
    struct bytes id;            // empty where a row is refused whose id cannot be told
    const struct value *values; // features->count; lives, as the id, until the next call
};

// *ret_end: there are no more. ERR_REJECT: this row is impossible for a worker, too; the sentence
// has its line, `values` nothing; go on.
MUST_CHECK enum err sheet_next(struct sheet *sheet, struct sheet_row *ret, bool *ret_end,
                               struct why *why);
