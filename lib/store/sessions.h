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

// The first token of a new family (an id of the caller's making, random). `password_hash` is the
// one that the password was compared with. *ret_issued false: the account was disabled or its
// password changed meanwhile; there is no login. An access token that goes with it must have
// `now_ms` as its iat: then a password that changes right now ends it, too.
MUST_CHECK enum err sessions_issue(struct pg *pg, int64_t user_id, struct bytes password_hash,
                                   struct bytes token_sha256, struct bytes family, int64_t now_ms,
                                   int64_t expires_at_ms, bool *ret_issued, struct why *why);

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

struct sessions_failures {
    int32_t failures;         // in a row; 0: none
    int64_t blocked_until_ms; // 0: never was
};
enum sessions_scope { SESSIONS_ACCOUNT, SESSIONS_ADDRESS, SESSIONS_SCOPES };
// Who tries: a user name (also one that nobody has) and an address. A null one takes no part.
struct sessions_subjects {
    struct bytes of[SESSIONS_SCOPES];
};
MUST_CHECK enum err sessions_throttle(struct pg *pg, const struct sessions_subjects *subjects,
                                      struct sessions_failures ret[SESSIONS_SCOPES],
                                      struct why *why);

// How long to wait after the n-th failure in a row: delays_ms[n - 1], the last one for all further.
struct sessions_delays {
    const int64_t *delays_ms;
    size_t count; // at least 1
};
// Counts a failure for both, each exactly once however many come at a time. Failures that are older
// than `forget_ms` are forgotten first. `ret` is what stands now.
MUST_CHECK enum err sessions_failed(struct pg *pg, const struct sessions_subjects *subjects,
                                    const struct sessions_delays delays[SESSIONS_SCOPES],
                                    int64_t now_ms, int64_t forget_ms,
                                    struct sessions_failures ret[SESSIONS_SCOPES], struct why *why);
// Forgets the failures of those that are not null.
MUST_CHECK enum err sessions_forgive(struct pg *pg, const struct sessions_subjects *subjects,
                                     struct why *why);

// ---- cleaning

// Deletes what is over: expired refresh tokens and families, revocations, invites (a month after),
// keys (a day after), failures older than a day. At most `max` rows of each; *ret_deleted in all.
MUST_CHECK enum err sessions_clean(struct pg *pg, int64_t now_ms, int64_t max, size_t *ret_deleted,
                                   struct why *why);
