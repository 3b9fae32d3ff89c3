// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "store/pg.h"

// The table http_request: one row per request that somebody made, under the id that is also its
// correlation id and its event id. Two write it, in any order, both by upsert: the gateway says who
// asked, the recorder what came of it; the row is the same in the end. Every call is one statement,
// or the few that are said. ERR_RETRY after a lost connection: it may have happened or not; all of
// them may be called again. Times are milliseconds since 1970. One thread.
//
// Text that is given is lent from *ret_rows, which the caller frees (pg_rows_free).

enum { REQUESTS_MISSING_MAX = 256 };
#define REQUESTS_EXPIRE_MS   INT64_C(86400000) // what is open for longer reads as expired
#define REQUESTS_KEY_LIFE_MS INT64_C(86400000) // an idempotency key is free again after that

enum requests_kind {
    REQUESTS_PREDICT,
    REQUESTS_PLAN,
    REQUESTS_CHANGE, // an ingest: finished by the gateway itself (requests_finish)
};
enum requests_state { REQUESTS_ACCEPTED, REQUESTS_DONE, REQUESTS_FAILED, REQUESTS_EXPIRED };
const char *requests_kind_name(enum requests_kind kind);    // "predict", "plan", "change"
const char *requests_state_name(enum requests_state state); // "accepted", "done", ...

// What the gateway knows.
struct requests_made {
    struct bytes id;
    struct bytes user_id; // decimal text
    enum requests_kind kind;
    struct bytes employee_id; // null: not known
    struct bytes body_sha256; // may be null
    int64_t created_at_ms;
};
// Durable once it has given ERR_OK, outside of a transaction of the caller's (the session is
// sql_gateway_session). Leaves state, result and error of a row that is there alone. An id that
// stands in a batch twice counts once.
MUST_CHECK enum err requests_store(struct pg *pg, const struct requests_made *requests,
                                   size_t count, struct why *why);

// A row as it reads at `now_ms`.
struct requests_row {
    struct bytes id;
    struct bytes user_id; // null: the recorder was first, and the gateway's word has not come
    enum requests_kind kind;
    struct bytes employee_id;
    struct bytes body_sha256;
    bool is_sent;              // false: claimed by its idempotency key, and not stored since
    enum requests_state state; // REQUESTS_EXPIRED also by rule
    int64_t created_at_ms;
    int64_t completed_at_ms; // 0: not yet
    struct bytes result_id;  // prediction id or plan id, of REQUESTS_DONE
    struct bytes error_code; // of REQUESTS_FAILED
    struct bytes error_text;
    struct bytes answer; // what requests_finish stored
    bool has_missing_inputs;
    size_t missing_count;
    struct bytes missing_inputs[REQUESTS_MISSING_MAX];
};
// `user_id` null: whoever made it. *ret_found false: there is none, or it is somebody else's.
MUST_CHECK enum err requests_read(struct pg *pg, struct bytes id, struct bytes user_id,
                                  int64_t now_ms, bool *ret_found, struct requests_row *ret,
                                  struct pg_rows **ret_rows, struct why *why);

// ---- idempotency keys

struct requests_claim {
    struct requests_made request; // body_sha256 is given
    struct bytes key;             // of this user and kind; at most 256 bytes
    // A claim that was never stored (requests_store) and is older than this is of a gateway that
    // died: it is taken over, under the new id.
    int64_t abandoned_before_ms;
};
// Before the request is sent. *ret_is_new: the row is this request's, go on. Else `ret` is the one
// that holds the key: the caller compares body_sha256 and answers from its state. The same call
// again after ERR_RETRY gives the same answer. Two statements where a key's life was over.
MUST_CHECK enum err requests_claim(struct pg *pg, const struct requests_claim *claim,
                                   bool *ret_is_new, struct requests_row *ret,
                                   struct pg_rows **ret_rows, struct why *why);
// The request came to nothing before anybody heard of it: its key is free again. Leaves a row that
// is completed alone.
MUST_CHECK enum err requests_release(struct pg *pg, struct bytes id, struct why *why);

// What the gateway itself has done: REQUESTS_CHANGE. `answer` is given again to those who repeat
// the request; error_code null: done. Does nothing where the row is completed or gone.
MUST_CHECK enum err requests_finish(struct pg *pg, struct bytes id, struct bytes answer,
                                    struct bytes error_code, struct bytes error_text,
                                    int64_t now_ms, struct why *why);

// ---- the recorder

// What came of a request, as its reply tells.
struct requests_reply {
    struct bytes id; // correlation id, 1 to 128 bytes
    enum requests_kind kind;
    struct bytes user_id;        // who asked, as the reply says; null: not told
    struct bytes employee_id;    // null: not known
    struct bytes result_id;      // null exactly where error_code is not
    struct bytes error_code;     // null: done
    struct bytes error_text;     // may be null
    struct bytes missing_inputs; // names with commas between; null: not told
    int64_t created_at_ms; // used where the gateway's word has not come: of the event, or the reply
    int64_t completed_at_ms; // of the reply
};
// In the caller's transaction. Completes the rows and makes those that are not there yet; what the
// gateway has said stays, and so does the first reply of a request. *ret_completed: rows that were
// completed or made, the rest were completed before. ERR_REJECT: text that the table cannot hold (a
// zero byte, no UTF-8): the caller checks before.
MUST_CHECK enum err requests_complete(struct pg *pg, const struct requests_reply *replies,
                                      size_t count, size_t *ret_completed, struct why *why);

// ---- cleaning

// Marks what is open for a day, and frees idempotency keys whose life is over; at most `max` rows.
MUST_CHECK enum err requests_expire(struct pg *pg, int64_t now_ms, int64_t max, size_t *ret_changed,
                                    struct why *why);
// Deletes what was made before; at most `max` rows.
MUST_CHECK enum err requests_clean(struct pg *pg, int64_t before_ms, int64_t max,
                                   size_t *ret_deleted, struct why *why);
