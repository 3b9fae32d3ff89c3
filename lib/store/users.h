// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "store/pg.h"

// The tables users and user_invite: accounts. Every call is atomic, outside of a transaction of the
// caller's, durable once it has given ERR_OK, and may be sent again after ERR_RETRY: it gives then
// what it would have given. Times are the
// caller's, milliseconds since 1970. ERR_REJECT: a rule of the tables is broken (a role that is
// none, a hash that is none of argon2id and bcrypt). One thread.
//
// Text that is given is lent from *ret_rows, which the caller frees (pg_rows_free).

enum { USERS_NAME_MIN = 3, USERS_NAME_MAX = 64, USERS_HASH_MAX = 256 };
// Roles as they are stored: "admin", "hr", "viewer", "service".

// A name as it is stored: 3 to 64 of a-z, 0-9, '.', '_', '@', '+', '-'; capitals become small, with
// a NUL behind. ERR_REJECT with the code bad-username. All names below have gone through this.
MUST_CHECK enum err users_fold_name(struct bytes name, char ret[USERS_NAME_MAX + 1],
                                    struct why *why);

struct users_row {
    int64_t id;
    struct bytes username;
    struct bytes password_hash;
    struct bytes role;
    bool is_disabled;
    int64_t created_at_ms;
    int64_t password_changed_at_ms;
};

// *ret_created false: the name is taken, and *ret_id is untouched.
MUST_CHECK enum err users_create(struct pg *pg, struct bytes username, struct bytes password_hash,
                                 const char *role, bool *ret_created, int64_t *ret_id,
                                 struct why *why);
// *ret_found false: there is none, *ret_rows stays untouched.
MUST_CHECK enum err users_read(struct pg *pg, struct bytes username, bool *ret_found,
                               struct users_row *ret, struct pg_rows **ret_rows, struct why *why);
MUST_CHECK enum err users_read_id(struct pg *pg, int64_t id, bool *ret_found, struct users_row *ret,
                                  struct pg_rows **ret_rows, struct why *why);
// Up to `max` in the order of their ids, those behind `after_id` (0: from the first).
MUST_CHECK enum err users_list(struct pg *pg, int64_t after_id, struct users_row *ret, size_t max,
                               size_t *ret_count, struct pg_rows **ret_rows, struct why *why);
// Of those that are not disabled.
MUST_CHECK enum err users_count_admins(struct pg *pg, int64_t *ret, struct why *why);

// Another password: every session and every access token that was issued before `now_ms` ends.
// `changed_at_ms`: the password_changed_at_ms that was read with the hash which the old password
// was compared with; 0 where nobody was asked for it (a reset). *ret_changed false: there is no
// such user, or the password is another one by now.
MUST_CHECK enum err users_set_password(struct pg *pg, int64_t id, int64_t changed_at_ms,
                                       struct bytes new_hash, int64_t now_ms, bool *ret_changed,
                                       struct why *why);
// The same password under a better hash: nothing ends. Does nothing where the hash is not
// `old_hash` any more.
MUST_CHECK enum err users_upgrade_hash(struct pg *pg, int64_t id, struct bytes old_hash,
                                       struct bytes new_hash, struct why *why);
// Every session and every access token that was issued before `now_ms` ends. *ret_found false:
// there is no such user.
MUST_CHECK enum err users_disable(struct pg *pg, int64_t id, int64_t now_ms, bool *ret_found,
                                  struct why *why);
MUST_CHECK enum err users_enable(struct pg *pg, int64_t id, bool *ret_found, struct why *why);

struct users_import {
    struct bytes username;
    struct bytes password_hash; // argon2id or bcrypt
    const char *role;
};
// One statement for all of them. ret_created[i] false: the name is taken (also by one before it in
// the same batch, and by this one itself where the call is sent again).
MUST_CHECK enum err users_import(struct pg *pg, const struct users_import *users, size_t count,
                                 bool *ret_created, struct why *why);

// An invite, known by the SHA-256 of its code in lower-case hex.
MUST_CHECK enum err users_invite(struct pg *pg, struct bytes code_sha256, const char *role,
                                 int64_t expires_at_ms, struct why *why);
enum users_redeemed {
    USERS_REDEEMED,
    USERS_INVITE_INVALID, // there is none, it was used, or its time is over
    USERS_NAME_TAKEN,     // the invite is still good
};
// The account with the invite's role, and the invite spent, both or neither: of two who come with
// one code one gets it. *ret_id and *ret_role (lent) are written for USERS_REDEEMED only.
MUST_CHECK enum err users_redeem(struct pg *pg, struct bytes code_sha256, struct bytes username,
                                 struct bytes password_hash, int64_t now_ms,
                                 enum users_redeemed *ret, int64_t *ret_id, struct bytes *ret_role,
                                 struct pg_rows **ret_rows, struct why *why);
