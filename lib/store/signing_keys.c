// SPDX-License-Identifier: MIT
#include "store/signing_keys.h"

#include "store/sql.h"

// Few rows, seldom changed. Whoever adds one holds a lock of the whole database while doing so:
// "there is none yet" must still be true when the row goes in, and two rotations at once would not
// see each other's key.

enum err signing_keys_list(struct pg *pg, int64_t now_ms, struct signing_key ret[SIGNING_KEYS_MAX],
                           size_t *ret_count, struct pg_rows **ret_rows, struct why *why)
{
    enum { KID, PUBLIC_KEY, SEALED_KEY, CREATED_AT, SIGNS_FROM, VERIFIES_UNTIL };
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TIME(now_ms), PG_INT8(SIGNING_KEYS_MAX)};
    enum err err = pg_exec(pg, sql_signing_key_list, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_count = pg_count(rows);
    for (size_t i = 0; i < *ret_count; i++)
        ret[i] = (struct signing_key){
            .kid = pg_get_text(rows, i, KID),
            .public_key = pg_get_text(rows, i, PUBLIC_KEY),
            .sealed_key = pg_get_text(rows, i, SEALED_KEY),
            .created_at_ms = pg_get_time_ms(rows, i, CREATED_AT),
            .signs_from_ms = pg_get_time_ms(rows, i, SIGNS_FROM),
            .verifies_until_ms = pg_is_null(rows, i, VERIFIES_UNTIL)
                                     ? SIGNING_KEYS_NO_END
                                     : pg_get_time_ms(rows, i, VERIFIES_UNTIL),
        };
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

// One statement about a key and a time, behind the lock, in a transaction of its own.
static enum err add(struct pg *pg, const char *sql, const struct signing_key *key, int64_t time_ms,
                    struct pg_rows **ret, struct why *why)
{
    const struct pg_param params[] = {
        PG_TEXT(key->kid),
        PG_BYTEA(key->public_key),
        PG_BYTEA(key->sealed_key),
        PG_TIME(key->signs_from_ms),
        key->verifies_until_ms == SIGNING_KEYS_NO_END ? PG_NULL : PG_TIME(key->verifies_until_ms),
        PG_TIME(time_ms)};
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_begin(pg, why);
    if (err == ERR_OK)
        err = pg_exec(pg, sql_signing_key_lock, NULL, 0, NULL, why);
    if (err == ERR_OK)
        err = pg_exec(pg, sql, params, ARRAY_LEN(params), &rows, why);
    if (err == ERR_OK)
        err = pg_commit(pg, why);
    if (err != ERR_OK)
        pg_rollback(pg);
    else
        *ret = TAKE(rows);
    return err;
}

enum err signing_keys_add_first(struct pg *pg, const struct signing_key *key, int64_t now_ms,
                                bool *ret_added, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = add(pg, sql_signing_key_add_first, key, now_ms, &rows, why);
    if (err == ERR_OK)
        *ret_added = pg_affected(rows) > 0;
    return err;
}

enum err signing_keys_rotate(struct pg *pg, const struct signing_key *key, int64_t others_until_ms,
                             bool *ret_added, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = add(pg, sql_signing_key_rotate, key, others_until_ms, &rows, why);
    if (err == ERR_OK)
        *ret_added = pg_get_int8(rows, 0, 0) > 0;
    return err;
}

enum err signing_keys_retire(struct pg *pg, struct bytes kid, int64_t at_ms, bool *ret_found,
                             struct why *why)
{
    size_t changed = 0;
    const struct pg_param params[] = {PG_TEXT(kid), PG_TIME(at_ms)};
    enum err err = pg_change(pg, sql_signing_key_retire, params, ARRAY_LEN(params), &changed, why);
    if (err == ERR_OK)
        *ret_found = changed > 0;
    return err;
}
