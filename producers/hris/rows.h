// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "csv/csv.h"
#include "domain/employee.h"
#include "domain/features.h"
#include "unknowns.h"

// From a row of a file to the event "the state of this employee is this". Which column is which
// attribute is learnt from the header once. Pure, one thread per struct rows.

struct rows;

// The header's names are attributes' names, exactly, or the `headers` of the features file;
// `id_column` names the employee's id. Other columns are passed over: their names go to
// `ret_ignored`, those of attributes without a column to `ret_missing`, as lists for people.
// ERR_REJECT: no column of ids, one name twice, or no attribute at all. Of departures
// the ids are enough, and nothing is missing. `features` is borrowed as long as the rows live.
MUST_CHECK enum err rows_new(const struct features *features, const struct csv_row *header,
                             const char *id_column, bool are_departures, struct rows **ret,
                             struct text *ret_ignored, struct text *ret_missing, struct why *why);
void rows_free(struct rows *rows);
DEFINE_CLEANUP(struct rows, rows_free)

// Of the rows that became events. Borrowed from the rows.
const struct unknowns *rows_unknowns(const struct rows *rows);

// What all events of one import have in common.
struct rows_origin {
    const char *source;
    const char *content_hash; // of the file
    int64_t event_time_ms;
    enum change change;
};

enum { ROWS_EVENT_PREFIX = 25 }; // 24 digits and the NUL

// The front of the event ids of an import: the same for the same source, content, time and change.
// With the row's number behind it the id stands for that row's state, and a row that is sent again
// has the same id without being hashed itself.
void rows_event_prefix(const struct rows_origin *origin, char ret[ROWS_EVENT_PREFIX]);

// Fills `ret`, whose text points into the row, into `origin`, and into memory of `rows` that lasts
// until the next call. `number` is the row's place in the file, from 1. An empty field is null; a
// category's other spelling becomes the usual one, and one that nobody knows stays as it is.
// ERR_REJECT: csv_check's reasons, a number that is none, and those of employee_check; the sentence
// has line and column and no value.
MUST_CHECK enum err rows_event(struct rows *rows, const struct csv *csv, const struct csv_row *row,
                               int64_t number, const struct rows_origin *origin,
                               const char *event_prefix, struct employee_change *ret,
                               struct why *why);
