// SPDX-License-Identifier: MIT
#include "store/migrate.h"

#include <string.h>

#include "base/clock.h"
#include "base/program.h"
#include "crypto/crypto.h"

// What was applied is compared by version, name and SHA-256 of the file: an edited migration would
// leave two databases with the same history and other tables. The lock is advisory and belongs to
// the session, so a runner that dies gives it back. It is tried again and again instead of waited
// for in the server, so that a stop is heard.

enum { LOCK_WAIT_MS = 60000, LOCK_STEP_MS = 200 };

static enum err lock(struct pg *pg, int64_t wait_ms, struct why *why)
{
    int64_t by_ms = clock_mono_ms() + (wait_ms > 0 ? wait_ms : LOCK_WAIT_MS);
    for (;;) {
        struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
        enum err err = pg_exec(pg, sql_migration_lock, NULL, 0, &rows, why);
        if (err != ERR_OK)
            return err;
        if (pg_get_bool(rows, 0, 0))
            return ERR_OK;
        if (clock_mono_ms() >= by_ms)
            return why_say(why, ERR_RETRY,
                           "another runner is migrating this database and does not end");
        if (program_wait_ms(LOCK_STEP_MS))
            return why_say(why, ERR_STOP, "stopped while another runner migrates the database");
    }
}

// Row number `at` of what was applied against migration number `at` of this program.
static enum err compare(const struct pg_rows *rows, size_t at,
                        const struct sql_migration *migration, struct why *why)
{
    int version = pg_get_int4(rows, at, 0);
    struct bytes name = pg_get_text(rows, at, 1);
    char sha256[CRYPTO_SHA256_HEX];
    crypto_sha256_hex(bytes_from_string(migration->text), sha256);
    if (version != migration->version || !bytes_equal_string(name, migration->name))
        return why_say(why, ERR_FATAL,
                       "the database has migration %d (%.*s) where this program has %d (%s): it "
                       "belongs to another program or branch",
                       version, (int)name.len, (const char *)name.data, migration->version,
                       migration->name);
    if (!bytes_equal_string(pg_get_text(rows, at, 2), sha256))
        return why_say(why, ERR_FATAL,
                       "migration %d (%s) was changed after it had been applied to this database: "
                       "restore the file and put the change into a new migration",
                       migration->version, migration->name);
    return ERR_OK;
}

// How many of the migrations the database has; all of them compared.
static enum err read_applied(struct pg *pg, const struct sql_migration *migrations, size_t count,
                             size_t *ret, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_migration_list, NULL, 0, &rows, why);
    if (err != ERR_OK)
        return err;
    size_t applied = pg_count(rows);
    for (size_t i = 0; i < applied && i < count; i++) {
        err = compare(rows, i, &migrations[i], why);
        if (err != ERR_OK)
            return err;
    }
    if (applied > count)
        return why_say(why, ERR_FATAL,
                       "the database is newer than this program (it has migration %d, %zu are "
                       "known here): install the newer version",
                       pg_get_int4(rows, applied - 1, 0), count);
    *ret = applied;
    return ERR_OK;
}

static enum err apply_in_transaction(struct pg *pg, const struct sql_migration *migration,
                                     struct why *why)
{
    char sha256[CRYPTO_SHA256_HEX];
    crypto_sha256_hex(bytes_from_string(migration->text), sha256);
    enum err err = pg_begin(pg, why);
    if (err == ERR_OK)
        err = pg_script(pg, migration->text, why);
    if (err == ERR_OK)
        err = pg_exec(pg, sql_migration_record,
                      (struct pg_param[]){PG_INT4(migration->version), PG_STRING(migration->name),
                                          PG_STRING(sha256)},
                      3, NULL, why);
    if (err == ERR_OK)
        err = pg_commit(pg, why);
    if (err != ERR_OK)
        pg_rollback(pg);
    return err;
}

static enum err apply(struct pg *pg, const struct sql_migration *migration, struct why *why)
{
    enum err err = apply_in_transaction(pg, migration, why);
    if (err == ERR_OK)
        return ERR_OK;
    // Data that a migration trips over need a person, like any other failure of its statements.
    if (err == ERR_REJECT)
        err = ERR_FATAL;
    return why_prefix(why, err, "migration %d (%s)", migration->version, migration->name);
}

static enum err run_locked(struct pg *pg, const struct migrate_options *options,
                           size_t *ret_applied, struct why *why)
{
    enum err err = pg_exec(pg, sql_migration_table, NULL, 0, NULL, why);
    size_t done = 0;
    if (err == ERR_OK)
        err = read_applied(pg, options->migrations, options->count, &done, why);
    size_t before = done;
    for (; err == ERR_OK && done < options->count; done++) {
        const struct sql_migration *migration = &options->migrations[done];
        err = apply(pg, migration, why);
        if (err == ERR_OK && options->applied != NULL)
            options->applied(options->context, migration->version, migration->name);
    }
    if (err == ERR_OK)
        *ret_applied = done - before;
    return err;
}

enum err migrate_run(struct pg *pg, const struct migrate_options *options, size_t *ret_applied,
                     struct why *why)
{
    enum err err = pg_connect(pg, why);
    if (err == ERR_OK)
        err = lock(pg, options->lock_wait_ms, why);
    if (err != ERR_OK)
        return err;
    err = run_locked(pg, options, ret_applied, why);
    // A lost connection has given the lock back; nothing else can fail here that matters.
    if (pg_is_connected(pg))
        IGNORE(pg_exec(pg, sql_migration_unlock, NULL, 0, NULL, NULL));
    return err;
}

enum err migrate_check(struct pg *pg, const struct sql_migration *migrations, size_t count,
                       struct why *why)
{
    size_t applied = 0;
    struct why local = {0};
    enum err err = read_applied(pg, migrations, count, &applied, &local);
    if (err == ERR_FATAL && strcmp(local.code, "42p01") == 0)
        return why_code(why, ERR_FATAL, "not-migrated",
                        "the database has no tables yet: run retentionctl migrate");
    if (err != ERR_OK) {
        if (why != NULL)
            *why = local;
        return err;
    }
    if (applied < count)
        return why_code(why, ERR_FATAL, "not-migrated",
                        "the database lacks migration %d (%s): run retentionctl migrate",
                        migrations[applied].version, migrations[applied].name);
    return ERR_OK;
}
