// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "csv/csv.h"

// The file of rejected rows, beside the input: line, code, reason, and the row itself, under the
// input's own header and with its delimiter, so that mended rows can be imported from it as they
// stand. It moves with the transactions: what was added since the last keep is taken back when a
// transaction was. The file is made when the first row is rejected. One thread.

struct rejects;

struct rejects_options {
    const char *path;
    char delimiter;       // of the input
    size_t row_bytes_max; // of the input
    // Of the first row that will be read now: what stands in the file from an interrupted run
    // before that line is kept, the rest goes (1: all of it).
    size_t next_line;
};

// `header` is the input's; it is copied. ERR_REJECT: the path holds something that is no file of
// rejected rows, or another import is writing it. ERR_FATAL.
MUST_CHECK enum err rejects_open(const struct rejects_options *options,
                                 const struct csv_row *header, struct rejects **ret,
                                 struct why *why);
void rejects_close(struct rejects *rejects);
DEFINE_CLEANUP(struct rejects, rejects_close)

MUST_CHECK enum err rejects_add(struct rejects *rejects, const struct csv_row *row,
                                const struct why *refusal, struct why *why);
// Everything added is on the disk when it returns; before the transaction is committed.
MUST_CHECK enum err rejects_sync(struct rejects *rejects, struct why *why);
// The transaction was committed: what was added stays.
void rejects_keep(struct rejects *rejects);
// It was not: what was added since the last keep goes.
MUST_CHECK enum err rejects_take_back(struct rejects *rejects, struct why *why);
