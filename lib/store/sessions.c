// SPDX-License-Identifier: MIT
#include "store/sessions.h"

#include <assert.h>

#include "store/sql.h"

// Tokens are single statements. What keeps them right where two meet are row locks that the
// statements take before they decide: the account's row for a login, the token's and its family's
// for a refresh. See sql/queries/session_issue.sql and session_spend.sql.

// ---- refresh tokens

enum err sessions_issue(struct pg *pg, int64_t user_id, int64_t password_changed_at_ms,
                        struct bytes token_sha256, struct bytes family, int64_t now_ms,
                        int64_t expires_at_ms, bool *ret_issued, int64_t *ret_iat_from_ms,
                        struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_INT8(user_id), PG_TIME(password_changed_at_ms),
                                      PG_TEXT(family),  PG_TEXT(token_sha256),
                                      PG_TIME(now_ms),  PG_TIME(expires_at_ms)};
    enum err err = pg_exec(pg, sql_session_issue, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_issued = pg_count(rows) > 0;
    if (*ret_issued)
        *ret_iat_from_ms = pg_get_time_ms(rows, 0, 0);
    return ERR_OK;
}

static enum sessions_spending spending_of(struct bytes outcome)
{
    static const struct {
        const char *word;
        enum sessions_spending spending;
    } words[] = {
        {"spent", SESSIONS_SPENT},     {"again", SESSIONS_SPENT},
        {"expired", SESSIONS_EXPIRED}, {"repeated", SESSIONS_REPEATED},
        {"revoked", SESSIONS_REVOKED},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_equal_string(outcome, words[i].word))
            return words[i].spending;
    assert(false); // the statement has no other
    return SESSIONS_REVOKED;
}

enum err sessions_spend(struct pg *pg, struct bytes token_sha256, struct bytes successor_sha256,
                        int64_t now_ms, int64_t expires_at_ms, struct sessions_spent *ret,
                        struct pg_rows **ret_rows, struct why *why)
{
    enum { OUTCOME, USER_ID, USERNAME, ROLE, FAMILY, ISSUED_BEFORE };
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXT(token_sha256), PG_TEXT(successor_sha256),
                                      PG_TIME(now_ms), PG_TIME(expires_at_ms),
                                      PG_INT8(SESSIONS_ACCESS_MAX_MS)};
    enum err err = pg_exec(pg, sql_session_spend, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    if (pg_count(rows) == 0) {
        *ret = (struct sessions_spent){.outcome = SESSIONS_UNKNOWN};
        return ERR_OK;
    }
    *ret = (struct sessions_spent){
        .outcome = spending_of(pg_get_text(rows, 0, OUTCOME)),
        .user_id = pg_get_int8(rows, 0, USER_ID),
        .username = pg_get_text(rows, 0, USERNAME),
        .role = pg_get_text(rows, 0, ROLE),
        .family = pg_get_text(rows, 0, FAMILY),
        .iat_from_ms = pg_get_time_ms(rows, 0, ISSUED_BEFORE),
    };
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err sessions_revoke_family(struct pg *pg, int64_t user_id, struct bytes token_sha256,
                                int64_t now_ms, bool *ret_found, struct why *why)
{
    size_t changed = 0;
    const struct pg_param params[] = {PG_INT8(user_id), PG_TEXT(token_sha256), PG_TIME(now_ms)};
    enum err err =
        pg_change(pg, sql_session_revoke_family, params, ARRAY_LEN(params), &changed, why);
    if (err == ERR_OK)
        *ret_found = changed > 0;
    return err;
}

enum err sessions_revoke_user(struct pg *pg, int64_t user_id, int64_t now_ms, struct why *why)
{
    const struct pg_param params[] = {PG_INT8(user_id), PG_TIME(now_ms),
                                      PG_INT8(SESSIONS_ACCESS_MAX_MS)};
    return pg_exec(pg, sql_session_revoke_user, params, ARRAY_LEN(params), NULL, why);
}

// ---- revoked access tokens

enum err sessions_revoke_token(struct pg *pg, struct bytes jti, int64_t expires_at_ms,
                               struct why *why)
{
    const struct pg_param params[] = {PG_TEXT(jti), PG_TIME(expires_at_ms)};
    return pg_exec(pg, sql_session_revoke_token, params, ARRAY_LEN(params), NULL, why);
}

// A transaction that took its time before it ended shows rows that are older than what was read
// last: statements and locks are given up before this (gateway_session.sql).
enum { LATE_MS = 30000 };

enum err sessions_revocations(struct pg *pg, int64_t since_ms, struct sessions_revocation *ret,
                              size_t max, size_t *ret_count, int64_t *ret_since_ms,
                              struct pg_rows **ret_rows, struct why *why)
{
    enum { READ_AT, IS_USER, ID, ISSUED_BEFORE, EXPIRES_AT, REVOKED_AT };
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TIME(since_ms), PG_INT8((int64_t)max)};
    enum err err = pg_exec(pg, sql_session_revocations, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    size_t count = pg_is_null(rows, 0, ID) ? 0 : pg_count(rows);
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct sessions_revocation){
            .is_user = pg_get_bool(rows, i, IS_USER),
            .id = pg_get_text(rows, i, ID),
            .issued_before_ms = pg_get_time_ms(rows, i, ISSUED_BEFORE),
            .expires_at_ms = pg_get_time_ms(rows, i, EXPIRES_AT),
        };
    int64_t next_ms = count == max ? pg_get_time_ms(rows, count - 1, REVOKED_AT)
                                   : pg_get_time_ms(rows, 0, READ_AT) - LATE_MS;
    *ret_since_ms = next_ms > since_ms ? next_ms : since_ms;
    *ret_count = count;
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

// ---- cleaning

enum err sessions_clean(struct pg *pg, int64_t now_ms, int64_t max, size_t *ret_deleted,
                        struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TIME(now_ms), PG_INT8(max)};
    enum err err = pg_exec(pg, sql_session_clean, params, ARRAY_LEN(params), &rows, why);
    if (err == ERR_OK)
        *ret_deleted = (size_t)pg_get_int8(rows, 0, 0);
    return err;
}
