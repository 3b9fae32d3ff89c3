// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/copy.h"
#include "store/pg.h"

// Rows into a table that is only ever appended to, whose key tells a row that comes again. For the
// writers of this module; one thread.

struct append_table {
    const char *copy;          // COPY into the table
    const char *incoming;      // makes a temporary table like it
    const char *incoming_copy; // COPY into that
    const char *insert_new;    // moves on those whose key is new, RETURNING the key
    const char *conflicts;     // keeps aside those whose key is there with other content
};

struct append_result {
    size_t stored;     // new rows
    size_t duplicates; // were there already, equal to the last bit
    size_t conflicts;  // were there with other content: kept aside in recorder_conflict
};

// Stores the rows that were put into `rows` since copy_begin, and ends them; in the caller's
// transaction. The quick way (is_careful false) gives ERR_REJECT with the code "23505" when a key
// is there already: the caller rolls back and comes again with is_careful. *ret_new (may be NULL):
// the keys that were new, of the careful way only; freed by the caller, NULL where nothing was
// asked.
MUST_CHECK enum err append_rows(const struct append_table *table, struct pg *pg, struct copy *rows,
                                bool is_careful, struct append_result *ret,
                                struct pg_rows **ret_new, struct why *why);
