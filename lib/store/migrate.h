// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/pg.h"
#include "store/sql.h"

// Brings a database to the tables that this program knows: numbered files, forward only, each in a
// transaction with its row in schema_migrations. A lock in the database keeps a second runner
// waiting, who then finds nothing to do. One thread.

struct migrate_options {
    const struct sql_migration *migrations; // sql_migrations(), or a test's
    size_t count;
    int64_t lock_wait_ms; // how long to wait for another runner; 0: 60 s
    // Called after each one that was applied; may be NULL.
    void (*applied)(void *context, int version, const char *name);
    void *context;
};

// *ret_applied: how many were applied now. ERR_FATAL: a migration was changed after it had been
// applied, the database is newer than this program, or a statement failed (the sentence names the
// migration). ERR_RETRY: another runner did not end, or the connection was lost; nothing is half
// done. ERR_STOP: stopped while waiting.
MUST_CHECK enum err migrate_run(struct pg *pg, const struct migrate_options *options,
                                size_t *ret_applied, struct why *why);

// For programs that only use the tables: ERR_FATAL with the remedy where the database is older or
// newer than `migrations`, or another one.
MUST_CHECK enum err migrate_check(struct pg *pg, const struct sql_migration *migrations,
                                  size_t count, struct why *why);
