// SPDX-License-Identifier: MIT
#include "store/sessions.h"

#include <assert.h>

#include "store/sql.h"

// Rows of login_throttle, moved under their locks by a function that knows no database: what a
// failure costs is decided in one place, and is tested without one. The rows are locked in the
// order of their scopes, and each caller has one of each, so that callers queue and never wait in a
// circle.

static const char *const scopes[SESSIONS_SCOPES] = {
    [SESSIONS_ACCOUNT] = "account", [SESSIONS_ADDRESS] = "address", [SESSIONS_PAIR] = "pair"};

static enum sessions_scope scope_of(struct bytes name)
{
    for (size_t i = 0; i < SESSIONS_SCOPES; i++)
        if (bytes_equal_string(name, scopes[i]))
            return (enum sessions_scope)i;
    assert(false); // the table's own check allows no other
    return SESSIONS_ACCOUNT;
}

enum { SCOPE, FAILURES, LAST_FAILURE_AT, BLOCKED_UNTIL, IS_THERE };

static void read_rows(const struct pg_rows *rows, bool is_locked,
                      struct sessions_throttle ret[SESSIONS_SCOPES])
{
    for (size_t i = 0; i < SESSIONS_SCOPES; i++)
        ret[i] = (struct sessions_throttle){0};
    for (size_t i = 0; i < pg_count(rows); i++)
        ret[scope_of(pg_get_text(rows, i, SCOPE))] = (struct sessions_throttle){
            .is_there = !is_locked || pg_get_bool(rows, i, IS_THERE),
            .failures = pg_get_int4(rows, i, FAILURES),
            .last_failure_ms = pg_get_time_ms(rows, i, LAST_FAILURE_AT),
            .blocked_until_ms = pg_get_time_ms(rows, i, BLOCKED_UNTIL),
        };
}

static enum err read_by(struct pg *pg, const char *sql, const struct sessions_subjects *subjects,
                        bool is_locked, struct sessions_throttle ret[SESSIONS_SCOPES],
                        struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXT(subjects->of[SESSIONS_ACCOUNT]),
                                      PG_TEXT(subjects->of[SESSIONS_ADDRESS]),
                                      PG_TEXT(subjects->of[SESSIONS_PAIR])};
    enum err err = pg_exec(pg, sql, params, ARRAY_LEN(params), &rows, why);
    if (err == ERR_OK)
        read_rows(rows, is_locked, ret);
    return err;
}

enum err sessions_throttle_read(struct pg *pg, const struct sessions_subjects *subjects,
                                struct sessions_throttle ret[SESSIONS_SCOPES], struct why *why)
{
    return read_by(pg, sql_throttle_read, subjects, false, ret, why);
}

static enum err write_rows(struct pg *pg, const struct sessions_subjects *subjects,
                           const struct sessions_throttle rows[SESSIONS_SCOPES], int64_t now_ms,
                           struct why *why)
{
    struct bytes names[SESSIONS_SCOPES], whose[SESSIONS_SCOPES];
    int64_t failures[SESSIONS_SCOPES], last[SESSIONS_SCOPES], blocked[SESSIONS_SCOPES];
    size_t count = 0;
    for (size_t i = 0; i < SESSIONS_SCOPES; i++) {
        if (subjects->of[i].data == NULL)
            continue;
        names[count] = bytes_from_string(scopes[i]);
        whose[count] = subjects->of[i];
        failures[count] = rows[i].is_there ? rows[i].failures : PG_NULL_INT8;
        last[count] = rows[i].last_failure_ms;
        blocked[count++] = rows[i].blocked_until_ms;
    }
    const struct pg_param params[] = {PG_TEXTS(names, count),    PG_TEXTS(whose, count),
                                      PG_INT8S(failures, count), PG_TIMES(last, count),
                                      PG_TIMES(blocked, count),  PG_TIME(now_ms)};
    return pg_exec(pg, sql_throttle_write, params, ARRAY_LEN(params), NULL, why);
}

enum err sessions_throttle_move(struct pg *pg, const struct sessions_subjects *subjects,
                                sessions_move *move, void *context, int64_t now_ms,
                                struct sessions_throttle *ret, struct why *why)
{
    struct sessions_throttle rows[SESSIONS_SCOPES];
    enum err err = pg_begin(pg, why);
    if (err == ERR_OK)
        err = read_by(pg, sql_throttle_lock, subjects, true, rows, why);
    for (size_t i = 0; err == ERR_OK && i < SESSIONS_SCOPES; i++)
        if (subjects->of[i].data != NULL)
            move(context, (enum sessions_scope)i, &rows[i]);
    if (err == ERR_OK)
        err = write_rows(pg, subjects, rows, now_ms, why);
    if (err == ERR_OK)
        err = pg_commit(pg, why);
    if (err != ERR_OK)
        pg_rollback(pg);
    for (size_t i = 0; err == ERR_OK && ret != NULL && i < SESSIONS_SCOPES; i++)
        ret[i] = rows[i];
    return err;
}
