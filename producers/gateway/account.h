// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/hasher.h"
#include "auth/opaque.h"
#include "auth/password.h"
#include "auth/token.h"
#include "base/err.h"
#include "base/text.h"
#include "database.h"
#include "http/exchange.h"
#include "pool.h"
#include "store/users.h"
#include "throttling.h"

// A call about an account on its way between the connections' threads and those that hash, shared
// by accounts.c and logins.c. One owner at a time: the last step frees it, which wipes what is
// secret.

struct gateway;

struct account {
    struct database_job job; // first
    struct pool_job hashing;
    void (*hash_step)(struct account *account, struct auth_hasher *hasher); // what to do there
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct throttling throttling;
    bool is_counted; // the attempt, in the table
    bool is_found;   // there is such a user, who may log in
    int64_t user_id;
    int64_t wait_ms; // that the throttle asks for
    char username[USERS_NAME_MAX + 1];
    char password[AUTH_PASSWORD_BYTES_MAX + 1];
    size_t password_len;
    char fresh_password[AUTH_PASSWORD_BYTES_MAX + 1];
    size_t fresh_len;
    char stored_hash[USERS_HASH_MAX + 1]; // what the password is compared with
    char fresh_hash[AUTH_PASSWORD_HASH_MAX];
    char role[16];
    bool is_right, wants_upgrade;
    struct auth_claims claims;                   // of who calls, where a token is needed
    char shown_sha256[AUTH_OPAQUE_HASH_LEN + 1]; // of an invite or refresh token; empty: none
    char token[AUTH_OPAQUE_LEN + 1];             // a refresh token that is given
    char token_sha256[AUTH_OPAQUE_HASH_LEN + 1];
    char family[AUTH_OPAQUE_LEN + 1];
    int64_t password_changed_at_ms; // as read with the hash
    int64_t now_ms, iat_from_ms;
    enum err err; // of hashing
    struct why why;
    int outcome; // of the question to the tables, as its step means it
};

struct account *account_new(struct gateway *gateway, struct http_exchange *exchange);
void account_free(struct account *account);
DEFINE_CLEANUP(struct account, account_free)

// Suspends the exchange and asks the tables. Takes the account, answers where there is no place.
void account_ask(struct account *account,
                 enum err (*ask)(struct database_job *, struct pg *, struct why *),
                 void (*then)(struct database_job *, enum err, const struct why *));
// The same from a step: always taken.
void account_ask_on(struct account *account,
                    enum err (*ask)(struct database_job *, struct pg *, struct why *),
                    void (*then)(struct database_job *, enum err, const struct why *));
// Hands it to those that hash. Takes the account, answers 429 where there is no place.
void account_hash(struct account *account,
                  void (*run)(struct account *account, struct auth_hasher *hasher));

static inline struct account *account_of(struct database_job *job)
{
    return (struct account *)job;
}

// The answer of a login that worked: a new access token and the refresh token. Frees nothing.
void account_answer_tokens(struct account *account);
// The number of the user whose claims these are. False: the exchange has its answer.
MUST_CHECK bool account_read_user(struct account *account);
// 429 for an attempt that comes too early.
void account_answer_wait(struct account *account);
