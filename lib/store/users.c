// SPDX-License-Identifier: MIT
#include "store/users.h"

#include <string.h>

#include "base/mem.h"
#include "store/sessions.h"
#include "store/sql.h"

// Single statements but for two: another password and a disabled account must end what follows from
// logins that were under way. A login holds the account's row while it stores its family
// (session_issue.sql), so the row is changed first, and what is revoked is looked for by a
// statement of its own behind it, which sees every login that was faster.

enum err users_fold_name(struct bytes name, char ret[USERS_NAME_MAX + 1], struct why *why)
{
    static const char others[] = "0123456789._@+-";
    if (name.len < USERS_NAME_MIN || name.len > USERS_NAME_MAX)
        return why_code(why, ERR_REJECT, "bad-username", "a username has %d to %d characters",
                        USERS_NAME_MIN, USERS_NAME_MAX);
    char folded[USERS_NAME_MAX + 1] = "";
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c - 'A' + 'a');
        if (!(c >= 'a' && c <= 'z') && (c == '\0' || strchr(others, c) == NULL))
            return why_code(why, ERR_REJECT, "bad-username",
                            "a username is made of the letters a to z, digits, and . _ @ + -");
        folded[i] = (char)c;
    }
    memcpy(ret, folded, sizeof folded);
    return ERR_OK;
}

// ---- reading

static void read_user(const struct pg_rows *rows, size_t row, struct users_row *ret)
{
    enum { ID, USERNAME, PASSWORD_HASH, ROLE, IS_DISABLED, CREATED_AT, PASSWORD_CHANGED_AT };
    *ret = (struct users_row){
        .id = pg_get_int8(rows, row, ID),
        .username = pg_get_text(rows, row, USERNAME),
        .password_hash = pg_get_text(rows, row, PASSWORD_HASH),
        .role = pg_get_text(rows, row, ROLE),
        .is_disabled = pg_get_bool(rows, row, IS_DISABLED),
        .created_at_ms = pg_get_time_ms(rows, row, CREATED_AT),
        .password_changed_at_ms = pg_get_time_ms(rows, row, PASSWORD_CHANGED_AT),
    };
}

static enum err read_one(struct pg *pg, const char *sql, struct pg_param key, bool *ret_found,
                         struct users_row *ret, struct pg_rows **ret_rows, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql, &key, 1, &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_found = pg_count(rows) > 0;
    if (!*ret_found)
        return ERR_OK;
    read_user(rows, 0, ret);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err users_read(struct pg *pg, struct bytes username, bool *ret_found, struct users_row *ret,
                    struct pg_rows **ret_rows, struct why *why)
{
    return read_one(pg, sql_user_read, PG_TEXT(username), ret_found, ret, ret_rows, why);
}

enum err users_read_id(struct pg *pg, int64_t id, bool *ret_found, struct users_row *ret,
                       struct pg_rows **ret_rows, struct why *why)
{
    return read_one(pg, sql_user_read_id, PG_INT8(id), ret_found, ret, ret_rows, why);
}

enum err users_list(struct pg *pg, int64_t after_id, struct users_row *ret, size_t max,
                    size_t *ret_count, struct pg_rows **ret_rows, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_INT8(after_id), PG_INT8((int64_t)max)};
    enum err err = pg_exec(pg, sql_user_list, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_count = pg_count(rows);
    for (size_t i = 0; i < *ret_count; i++)
        read_user(rows, i, &ret[i]);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err users_count_admins(struct pg *pg, int64_t *ret, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_user_count_admins, NULL, 0, &rows, why);
    if (err == ERR_OK)
        *ret = pg_get_int8(rows, 0, 0);
    return err;
}

// ---- making

enum err users_create(struct pg *pg, struct bytes username, struct bytes password_hash,
                      const char *role, bool *ret_created, int64_t *ret_id, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXT(username), PG_TEXT(password_hash), PG_STRING(role)};
    enum err err = pg_exec(pg, sql_user_create, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_created = pg_count(rows) > 0;
    if (*ret_created)
        *ret_id = pg_get_int8(rows, 0, 0);
    return ERR_OK;
}

enum err users_import(struct pg *pg, const struct users_import *users, size_t count,
                      bool *ret_created, struct why *why)
{
    enum { USERNAME, PASSWORD_HASH, ROLE, TEXTS };
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    struct bytes *texts CLEANUP(mem_free_p) = mem_array(TEXTS * count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[USERNAME * count + i] = users[i].username;
        texts[PASSWORD_HASH * count + i] = users[i].password_hash;
        texts[ROLE * count + i] = bytes_from_string(users[i].role);
    }
    const struct pg_param params[] = {PG_TEXTS(texts + USERNAME * count, count),
                                      PG_TEXTS(texts + PASSWORD_HASH * count, count),
                                      PG_TEXTS(texts + ROLE * count, count)};
    enum err err = pg_exec(pg, sql_user_import, params, ARRAY_LEN(params), &rows, why);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        ret_created[i] = pg_get_bool(rows, i, 0);
    return err;
}

enum err users_invite(struct pg *pg, struct bytes code_sha256, const char *role,
                      int64_t expires_at_ms, struct why *why)
{
    const struct pg_param params[] = {PG_TEXT(code_sha256), PG_STRING(role),
                                      PG_TIME(expires_at_ms)};
    return pg_exec(pg, sql_user_invite, params, ARRAY_LEN(params), NULL, why);
}

enum err users_redeem(struct pg *pg, struct bytes code_sha256, struct bytes username,
                      struct bytes password_hash, int64_t now_ms, enum users_redeemed *ret,
                      int64_t *ret_id, struct bytes *ret_role, struct pg_rows **ret_rows,
                      struct why *why)
{
    enum { IS_VALID, ID, ROLE };
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXT(code_sha256), PG_TEXT(username),
                                      PG_TEXT(password_hash), PG_TIME(now_ms)};
    enum err err = pg_exec(pg, sql_user_redeem, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    if (pg_is_null(rows, 0, ID)) {
        *ret = pg_get_bool(rows, 0, IS_VALID) ? USERS_NAME_TAKEN : USERS_INVITE_INVALID;
        return ERR_OK;
    }
    *ret = USERS_REDEEMED;
    *ret_id = pg_get_int8(rows, 0, ID);
    *ret_role = pg_get_text(rows, 0, ROLE);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

// ---- changing

// Changes the account's row, then ends what followed from it, both or neither.
static enum err change_and_revoke(struct pg *pg, const char *sql, const struct pg_param *params,
                                  size_t count, int64_t id, int64_t now_ms, bool *ret_changed,
                                  struct why *why)
{
    size_t changed = 0;
    enum err err = pg_begin(pg, why);
    if (err == ERR_OK)
        err = pg_change(pg, sql, params, count, &changed, why);
    if (err == ERR_OK && changed > 0)
        err = sessions_revoke_user(pg, id, now_ms, why);
    if (err == ERR_OK)
        err = pg_commit(pg, why);
    if (err != ERR_OK)
        pg_rollback(pg);
    else
        *ret_changed = changed > 0;
    return err;
}

enum err users_set_password(struct pg *pg, int64_t id, int64_t changed_at_ms, struct bytes new_hash,
                            int64_t now_ms, bool *ret_changed, struct why *why)
{
    const struct pg_param params[] = {PG_INT8(id),
                                      changed_at_ms == 0 ? PG_NULL : PG_TIME(changed_at_ms),
                                      PG_TEXT(new_hash), PG_TIME(now_ms)};
    return change_and_revoke(pg, sql_user_set_password, params, ARRAY_LEN(params), id, now_ms,
                             ret_changed, why);
}

enum err users_disable(struct pg *pg, int64_t id, int64_t now_ms, bool *ret_found, struct why *why)
{
    const struct pg_param params[] = {PG_INT8(id), PG_BOOL(true)};
    return change_and_revoke(pg, sql_user_set_disabled, params, ARRAY_LEN(params), id, now_ms,
                             ret_found, why);
}

enum err users_enable(struct pg *pg, int64_t id, bool *ret_found, struct why *why)
{
    size_t changed = 0;
    const struct pg_param params[] = {PG_INT8(id), PG_BOOL(false)};
    enum err err = pg_change(pg, sql_user_set_disabled, params, ARRAY_LEN(params), &changed, why);
    if (err == ERR_OK)
        *ret_found = changed > 0;
    return err;
}

enum err users_upgrade_hash(struct pg *pg, int64_t id, struct bytes old_hash, struct bytes new_hash,
                            struct why *why)
{
    const struct pg_param params[] = {PG_INT8(id), PG_TEXT(old_hash), PG_TEXT(new_hash)};
    return pg_exec(pg, sql_user_upgrade_hash, params, ARRAY_LEN(params), NULL, why);
}
