// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "domain/employee.h"
#include "domain/employee_state.h"
#include "domain/features.h"
#include "store/pg.h"

// The table `employee`: the latest state of each, written in batches in the caller's transaction.
// Its attribute columns are those of the features file, so its statements are made from the names
// in there when a writer is born; see sql/README.md. One thread per writer.

struct employees_record {
    struct employee_change change; // passed employee_check
    struct employee_key key;
};

struct employees_writer;

// Borrows the features for its life. ERR_FATAL: a column's name is none that we would put into a
// statement, or an integer's bounds do not fit the column.
MUST_CHECK enum err employees_writer_new(const struct features *features,
                                         struct employees_writer **ret, struct why *why);
void employees_writer_free(struct employees_writer *writer);
DEFINE_CLEANUP(struct employees_writer, employees_writer_free)

// What the writer needs of the session (temporary tables), outside of a transaction, before each
// batch; free when nothing changed.
MUST_CHECK enum err employees_prepare(struct employees_writer *writer, struct pg *pg,
                                      struct why *why);

// *ret_changed: employees whose row was written. Records that do not replace what stands are
// ignored. ERR_FATAL with the remedy where the table lacks a column.
MUST_CHECK enum err employees_store(struct employees_writer *writer, struct pg *pg,
                                    const struct employees_record *records, size_t count,
                                    size_t *ret_changed, struct why *why);

// Adds the columns that the table lacks; the migrations make those of the shipped features file.
// Existing ones keep their type. *ret_added: how many.
MUST_CHECK enum err employees_add_columns(const struct features *features, struct pg *pg,
                                          size_t *ret_added, struct why *why);

// The row of an employee as a JSON object, columns as members. *ret_found false: there is none.
MUST_CHECK enum err employees_read(struct pg *pg, const char *employee_id, struct text *ret_json,
                                   bool *ret_found, struct why *why);
