// SPDX-License-Identifier: MIT
#include "store/requests.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "store/sql.h"

// Many rows in one statement, arrays in. Gateway and recorder write disjoint columns (but for those
// that either may fill where the other has not), so their order does not matter; both take the rows
// in the order of the ids, so neither waits for the other in a circle.

static const char *const kinds[] = {
    [REQUESTS_PREDICT] = "predict", [REQUESTS_PLAN] = "plan", [REQUESTS_CHANGE] = "change"};
static const char *const states[] = {[REQUESTS_ACCEPTED] = "accepted",
                                     [REQUESTS_DONE] = "done",
                                     [REQUESTS_FAILED] = "failed",
                                     [REQUESTS_EXPIRED] = "expired"};

const char *requests_kind_name(enum requests_kind kind)
{
    return kinds[kind];
}

const char *requests_state_name(enum requests_state state)
{
    return states[state];
}

// Where a name stands in a list that the table's own check does not leave.
static size_t place_of(struct bytes name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_string(name, names[i]))
            return i;
    assert(false);
    return 0;
}

// ---- writing

enum err requests_store(struct pg *pg, const struct requests_made *requests, size_t count,
                        struct why *why)
{
    enum { ID, USER_ID, KIND, EMPLOYEE_ID, BODY_SHA256, TEXTS };
    struct bytes *texts CLEANUP(mem_free_p) = mem_array(TEXTS * count, sizeof *texts);
    int64_t *times CLEANUP(mem_free_p) = mem_array(count, sizeof *times);
    for (size_t i = 0; i < count; i++) {
        const struct requests_made *made = &requests[i];
        texts[ID * count + i] = made->id;
        texts[USER_ID * count + i] = made->user_id;
        texts[KIND * count + i] = bytes_from_string(kinds[made->kind]);
        texts[EMPLOYEE_ID * count + i] = made->employee_id;
        texts[BODY_SHA256 * count + i] = made->body_sha256;
        times[i] = made->created_at_ms;
    }
    const struct pg_param params[] = {
        PG_TEXTS(texts + ID * count, count),          PG_TEXTS(texts + USER_ID * count, count),
        PG_TEXTS(texts + KIND * count, count),        PG_TEXTS(texts + EMPLOYEE_ID * count, count),
        PG_TEXTS(texts + BODY_SHA256 * count, count), PG_TIMES(times, count)};
    return pg_exec(pg, sql_request_store, params, ARRAY_LEN(params), NULL, why);
}

enum err requests_complete(struct pg *pg, const struct requests_reply *replies, size_t count,
                           size_t *ret_completed, struct why *why)
{
    enum {
        ID,
        KIND,
        USER_ID,
        EMPLOYEE_ID,
        RESULT_ID,
        ERROR_CODE,
        ERROR_TEXT,
        MISSING_INPUTS,
        TEXTS
    };
    struct bytes *texts CLEANUP(mem_free_p) = mem_array(TEXTS * count, sizeof *texts);
    int64_t *created CLEANUP(mem_free_p) = mem_array(count, sizeof *created);
    int64_t *completed CLEANUP(mem_free_p) = mem_array(count, sizeof *completed);
    for (size_t i = 0; i < count; i++) {
        const struct requests_reply *reply = &replies[i];
        texts[ID * count + i] = reply->id;
        texts[KIND * count + i] = bytes_from_string(kinds[reply->kind]);
        texts[USER_ID * count + i] = reply->user_id;
        texts[EMPLOYEE_ID * count + i] = reply->employee_id;
        texts[RESULT_ID * count + i] = reply->result_id;
        texts[ERROR_CODE * count + i] = reply->error_code;
        texts[ERROR_TEXT * count + i] = reply->error_text;
        texts[MISSING_INPUTS * count + i] = reply->missing_inputs;
        created[i] = reply->created_at_ms;
        completed[i] = reply->completed_at_ms;
    }
    const struct pg_param params[] = {
        PG_TEXTS(texts + ID * count, count),
        PG_TEXTS(texts + KIND * count, count),
        PG_TEXTS(texts + USER_ID * count, count),
        PG_TEXTS(texts + EMPLOYEE_ID * count, count),
        PG_TIMES(created, count),
        PG_TIMES(completed, count),
        PG_TEXTS(texts + RESULT_ID * count, count),
        PG_TEXTS(texts + ERROR_CODE * count, count),
        PG_TEXTS(texts + ERROR_TEXT * count, count),
        PG_TEXTS(texts + MISSING_INPUTS * count, count),
    };
    return pg_change(pg, sql_request_complete, params, ARRAY_LEN(params), ret_completed, why);
}

// ---- reading

static void read_request(const struct pg_rows *rows, int64_t now_ms, struct requests_row *ret)
{
    enum {
        ID,
        USER_ID,
        KIND,
        EMPLOYEE_ID,
        BODY_SHA256,
        IS_SENT,
        STATE,
        CREATED_AT,
        COMPLETED_AT,
        RESULT_ID,
        ERROR_CODE,
        ERROR_TEXT,
        ANSWER,
        MISSING_INPUTS
    };
    memset(ret, 0, sizeof *ret);
    ret->id = pg_get_text(rows, 0, ID);
    ret->user_id = pg_get_text(rows, 0, USER_ID);
    ret->kind = (enum requests_kind)place_of(pg_get_text(rows, 0, KIND), kinds, ARRAY_LEN(kinds));
    ret->employee_id = pg_get_text(rows, 0, EMPLOYEE_ID);
    ret->body_sha256 = pg_get_text(rows, 0, BODY_SHA256);
    ret->is_sent = pg_get_bool(rows, 0, IS_SENT);
    ret->state =
        (enum requests_state)place_of(pg_get_text(rows, 0, STATE), states, ARRAY_LEN(states));
    ret->created_at_ms = pg_get_time_ms(rows, 0, CREATED_AT);
    if (ret->state == REQUESTS_ACCEPTED && ret->created_at_ms < now_ms - REQUESTS_EXPIRE_MS)
        ret->state = REQUESTS_EXPIRED;
    ret->completed_at_ms = pg_get_time_ms(rows, 0, COMPLETED_AT);
    ret->result_id = pg_get_text(rows, 0, RESULT_ID);
    ret->error_code = pg_get_text(rows, 0, ERROR_CODE);
    ret->error_text = pg_get_text(rows, 0, ERROR_TEXT);
    ret->answer = pg_get_text(rows, 0, ANSWER);
    ret->has_missing_inputs = !pg_is_null(rows, 0, MISSING_INPUTS);
    ret->missing_count =
        pg_get_texts(rows, 0, MISSING_INPUTS, ret->missing_inputs, REQUESTS_MISSING_MAX, 1);
}

enum err requests_read(struct pg *pg, struct bytes id, struct bytes user_id, int64_t now_ms,
                       bool *ret_found, struct requests_row *ret, struct pg_rows **ret_rows,
                       struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXT(id), PG_TEXT(user_id)};
    enum err err = pg_exec(pg, sql_request_read, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_found = pg_count(rows) > 0;
    if (!*ret_found)
        return ERR_OK;
    read_request(rows, now_ms, ret);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

// ---- idempotency keys

static enum err claim_once(struct pg *pg, const struct requests_claim *claim,
                           struct requests_row *ret, struct pg_rows **ret_rows, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct requests_made *request = &claim->request;
    const struct pg_param params[] = {PG_TEXT(request->id),
                                      PG_TEXT(request->user_id),
                                      PG_STRING(kinds[request->kind]),
                                      PG_TEXT(request->employee_id),
                                      PG_TEXT(request->body_sha256),
                                      PG_TEXT(claim->key),
                                      PG_TIME(request->created_at_ms),
                                      PG_TIME(claim->abandoned_before_ms)};
    enum err err = pg_exec(pg, sql_request_claim, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    read_request(rows, request->created_at_ms, ret);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err requests_claim(struct pg *pg, const struct requests_claim *claim, bool *ret_is_new,
                        struct requests_row *ret, struct pg_rows **ret_rows, struct why *why)
{
    const struct requests_made *request = &claim->request;
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    int64_t old_ms = request->created_at_ms - REQUESTS_KEY_LIFE_MS;
    enum err err = claim_once(pg, claim, ret, &rows, why);
    if (err == ERR_OK && ret->created_at_ms < old_ms) {
        // Somebody else may do the same meanwhile: then the second try finds that one's row.
        pg_rows_free(TAKE(rows));
        const struct pg_param params[] = {PG_TEXT(request->user_id),
                                          PG_STRING(kinds[request->kind]), PG_TEXT(claim->key),
                                          PG_TIME(old_ms)};
        err = pg_exec(pg, sql_request_free_key, params, ARRAY_LEN(params), NULL, why);
        if (err == ERR_OK)
            err = claim_once(pg, claim, ret, &rows, why);
    }
    if (err != ERR_OK)
        return err;
    *ret_is_new = bytes_equal(ret->id, request->id);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err requests_release(struct pg *pg, struct bytes id, struct why *why)
{
    return pg_exec(pg, sql_request_release, (struct pg_param[]){PG_TEXT(id)}, 1, NULL, why);
}

enum err requests_finish(struct pg *pg, struct bytes id, struct bytes answer,
                         struct bytes error_code, struct bytes error_text, int64_t now_ms,
                         struct why *why)
{
    const struct pg_param params[] = {PG_TEXT(id), PG_TEXT(answer), PG_TEXT(error_code),
                                      PG_TEXT(error_text), PG_TIME(now_ms)};
    return pg_exec(pg, sql_request_finish, params, ARRAY_LEN(params), NULL, why);
}

// ---- cleaning

static enum err tidy(struct pg *pg, const char *sql, int64_t before_ms, int64_t max, size_t *ret,
                     struct why *why)
{
    const struct pg_param params[] = {PG_TIME(before_ms), PG_INT8(max)};
    return pg_change(pg, sql, params, ARRAY_LEN(params), ret, why);
}

enum err requests_expire(struct pg *pg, int64_t now_ms, int64_t max, size_t *ret_changed,
                         struct why *why)
{
    _Static_assert(REQUESTS_EXPIRE_MS == REQUESTS_KEY_LIFE_MS, "one pass tidies both");
    return tidy(pg, sql_request_expire, now_ms - REQUESTS_EXPIRE_MS, max, ret_changed, why);
}

enum err requests_clean(struct pg *pg, int64_t before_ms, int64_t max, size_t *ret_deleted,
                        struct why *why)
{
    return tidy(pg, sql_request_clean, before_ms, max, ret_deleted, why);
}
