// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "store/pg.h"

// What ends: refresh tokens, revocations of access tokens, and how long somebody must wait after
// wrong passwords. Every call is atomic, outside of a transaction of the caller's, durable once it
// has given ERR_OK, and may be sent again after ERR_RETRY. Tokens are known here by the SHA-256 of
// their text in lower-case hex. Times are the caller's, milliseconds since 1970, where nothing else
// is said. One thread.
//
// Text that is given is lent from *ret_rows, which the caller frees (pg_rows_free).

// No access token lives longer: a revocation of all of a user's is kept that long.
#define SESSIONS_ACCESS_MAX_MS INT64_C(3600000)

// ---- refresh tokens

// The first token of a new family (an id of the caller's making, random).
// `password_changed_at_ms` was read with the hash that the password was compared with. *ret_issued
// false: the account was disabled or its password changed meanwhile; there is no login. An access
// token that goes with it must have `now_ms` as its iat, down to its second, so that a password
// that changes right now ends it, too; but not less than *ret_iat_from_ms (rounded up), before
// which the user's tokens are refused (0: none is).
MUST_CHECK enum err sessions_issue(struct pg *pg, int64_t user_id, int64_t password_changed_at_ms,
                                   struct bytes token_sha256, struct bytes family, int64_t now_ms,
                                   int64_t expires_at_ms, bool *ret_issued,
                                   int64_t *ret_iat_from_ms, struct why *why);

enum sessions_spending {
    SESSIONS_SPENT,
    SESSIONS_UNKNOWN,
    SESSIONS_EXPIRED,
    SESSIONS_REVOKED,  // its family was revoked, or the account is disabled
    SESSIONS_REPEATED, // it was spent before: now its family is revoked, and the user's access
                       // tokens that were issued before `now_ms`
};
struct sessions_spent {
    enum sessions_spending outcome;
    int64_t user_id; // also for SESSIONS_REPEATED: for the log
    struct bytes username;
    struct bytes role; // as it is now
    struct bytes family;
    int64_t iat_from_ms; // see sessions_issue
};
// Spends a token, exactly once, and issues its successor. The same call again (same successor)
// gives the same answer, so that a lost connection revokes nothing. `now_ms` is the iat of the
// access token, see sessions_issue.
MUST_CHECK enum err sessions_spend(struct pg *pg, struct bytes token_sha256,
                                   struct bytes successor_sha256, int64_t now_ms,
                                   int64_t expires_at_ms, struct sessions_spent *ret,
                                   struct pg_rows **ret_rows, struct why *why);

// Revokes the family of a token of this user's. *ret_found false: the user has no such token.
MUST_CHECK enum err sessions_revoke_family(struct pg *pg, int64_t user_id,
                                           struct bytes token_sha256, int64_t now_ms,
                                           bool *ret_found, struct why *why);
// Every family of a user and every access token that was issued before `now_ms`.
MUST_CHECK enum err sessions_revoke_user(struct pg *pg, int64_t user_id, int64_t now_ms,
                                         struct why *why);

// ---- revoked access tokens

MUST_CHECK enum err sessions_revoke_token(struct pg *pg, struct bytes jti, int64_t expires_at_ms,
                                          struct why *why);

struct sessions_revocation {
    bool is_user;             // else one token
    struct bytes id;          // user id as decimal text, or jti
    int64_t issued_before_ms; // of a user: tokens with iat before it are refused
    int64_t expires_at_ms;    // it may be forgotten then
};
// Those that are in force and came since `since_ms` (0: all), up to `max`, the oldest first; and
// what to give as since_ms next time. Each may be given more than once: a transaction that ends
// late must not be missed. By the database's clock. *ret_count == max: there may be more, ask again
// at once.
MUST_CHECK enum err sessions_revocations(struct pg *pg, int64_t since_ms,
                                         struct sessions_revocation *ret, size_t max,
                                         size_t *ret_count, int64_t *ret_since_ms,
                                         struct pg_rows **ret_rows, struct why *why);

// ---- wrong passwords

// Rows of login_throttle; what they mean and how they move is decided elsewhere (auth/throttle.h).
enum sessions_scope {
    SESSIONS_ACCOUNT, // subject: a user name, also one that nobody has
    SESSIONS_ADDRESS,
    SESSIONS_PAIR, // a user name, a blank, an address
    SESSIONS_SCOPES
};
struct sessions_subjects {
    struct bytes of[SESSIONS_SCOPES]; // at most 256 bytes each; null: takes no part
};
struct sessions_throttle {
    bool is_there; // else all is 0
    int32_t failures;
    int64_t last_failure_ms;
    int64_t blocked_until_ms;
};
MUST_CHECK enum err sessions_throttle_read(struct pg *pg, const struct sessions_subjects *subjects,
                                           struct sessions_throttle ret[SESSIONS_SCOPES],
                                           struct why *why);

// What becomes of a row; one that is not there yet comes as all 0. is_there false afterwards: the
// row goes. Called once for each subject, while all of their rows are locked.
typedef void sessions_move(void *context, enum sessions_scope scope, struct sessions_throttle *row);
// Moves the rows of the subjects, one caller after the other: however many come at a time, none is
// lost. `ret` (may be NULL) is what stands then. ERR_RETRY after a lost connection: they moved or
// not; moved twice is a failure that counts twice.
MUST_CHECK enum err sessions_throttle_move(struct pg *pg, const struct sessions_subjects *subjects,
                                           sessions_move *move, void *context, int64_t now_ms,
                                           struct sessions_throttle *ret, struct why *why);

// ---- cleaning

// Deletes what is over: expired refresh tokens and families, revocations, invites (a month after),
// keys (a day after), rows of login_throttle that nothing has moved for 2 days, those of pairs for
// 180. At most `max` rows of each; *ret_deleted in all.
MUST_CHECK enum err sessions_clean(struct pg *pg, int64_t now_ms, int64_t max, size_t *ret_deleted,
                                   struct why *why);
