// SPDX-License-Identifier: MIT
// /login, /refresh, /logout. A login goes from the tables (is it too early, which hash) to a thread
// that hashes and back (count the attempt, begin the session). Whether there is such a user makes
// no difference to the way, the work or the answer.

#include <stdio.h>
#include <string.h>

#include "account.h"
#include "base/clock.h"
#include "base/log.h"
#include "body.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "handlers.h"
#include "metrics.h"
#include "peer.h"
#include "problem.h"
#include "routes.h"

#define REFRESH_MS (INT64_C(30) * 24 * 3600 * 1000)

enum { CREDENTIAL_MAX = 256 };

static void keep(char *out, size_t size, struct bytes text)
{
    snprintf(out, size, "%.*s", (int)text.len, (const char *)text.data);
}

static void count_login(struct account *account, const char *outcome)
{
    metric_add(metrics_cell(account->gateway->metrics, METRIC_LOGINS, outcome, NULL), 1);
}

// ---- /login

static enum err ask_login(struct database_job *job, struct pg *pg, struct why *why)
{
    struct account *account = account_of(job);
    struct users_row user;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    bool is_found = false;
    enum err err =
        throttling_look(&account->throttling, pg, account->now_ms, &account->wait_ms, why);
    if (err != ERR_OK || account->wait_ms > 0)
        return err;
    account->is_found = false;
    if (account->username[0] == '\0') // no such name can be
        return ERR_OK;
    err = users_read(pg, bytes_from_string(account->username), &is_found, &user, &rows, why);
    if (err != ERR_OK || !is_found || user.password_hash.len > USERS_HASH_MAX)
        return err;
    account->is_found = !user.is_disabled;
    account->user_id = user.id;
    account->password_changed_at_ms = user.password_changed_at_ms;
    keep(account->stored_hash, sizeof account->stored_hash, user.password_hash);
    keep(account->role, sizeof account->role, user.role);
    return ERR_OK;
}

static enum err ask_begin(struct database_job *job, struct pg *pg, struct why *why)
{
    struct account *account = account_of(job);
    bool is_issued = false;
    // Counted once, also where the connection is lost behind it.
    if (!account->is_counted) {
        account->is_counted = true;
        enum err err = throttling_count(&account->throttling, pg, account->is_right,
                                        account->now_ms, &account->wait_ms, why);
        if (err != ERR_OK)
            return err;
    }
    if (!account->is_right || account->wait_ms > 0)
        return ERR_OK;
    account->now_ms = clock_real_ms();
    enum err err = sessions_issue(
        pg, account->user_id, account->password_changed_at_ms,
        bytes_from_string(account->token_sha256), bytes_from_string(account->family),
        account->now_ms, account->now_ms + REFRESH_MS, &is_issued, &account->iat_from_ms, why);
    account->is_right = is_issued;
    if (err == ERR_OK && is_issued && account->fresh_hash[0] != '\0')
        err = users_upgrade_hash(pg, account->user_id, bytes_from_string(account->stored_hash),
                                 bytes_from_string(account->fresh_hash), why);
    return err;
}

static void then_begin(struct database_job *job, enum err err, const struct why *why)
{
    CLEANUP(account_free_p) struct account *account = account_of(job);
    if (err != ERR_OK) {
        problem_answer_database(account->exchange, err, why);
    } else if (account->wait_ms > 0) {
        account_answer_wait(account);
    } else if (!account->is_right) {
        count_login(account, "wrong");
        log_info("login-refused", "address=%s", account->throttling.address);
        problem_answer(account->exchange, PROBLEM_BAD_CREDENTIALS,
                       "check the name and the password");
    } else {
        count_login(account, "done");
        log_info("login", "user=%lld", (long long)account->user_id);
        account_answer_tokens(account);
    }
}

static void hash_login(struct account *account, struct auth_hasher *hasher)
{
    struct auth_password_result result = {0};
    struct bytes password = bytes_of(account->password, account->password_len);
    struct why why = {0};
    enum err err = ERR_REJECT;
    if (account->stored_hash[0] != '\0')
        err = auth_hasher_verify(hasher, account->stored_hash, password, &result, &why);
    if (err == ERR_REJECT) // no such user, or a hash that we do not check: the same work
        err = auth_hasher_verify_nobody(hasher, password, &why);
    account->is_right = err == ERR_OK && result.is_right && account->is_found;
    if (account->is_right && result.wants_upgrade)
        IGNORE(auth_hasher_hash(hasher, password, account->fresh_hash, NULL)); // another time, then
    if (err == ERR_RETRY) {
        problem_answer(account->exchange, PROBLEM_BUSY, "try again in a moment");
        account_free(account);
        return;
    }
    char family_sha256[AUTH_OPAQUE_HASH_LEN + 1];
    auth_opaque_new(account->token, account->token_sha256);
    auth_opaque_new(account->family, family_sha256);
    account_ask_on(account, ask_begin, then_begin);
}

static void then_login(struct database_job *job, enum err err, const struct why *why)
{
    struct account *account = account_of(job);
    if (err == ERR_OK && account->wait_ms == 0) {
        account_hash(account, hash_login);
        return;
    }
    if (err != ERR_OK)
        problem_answer_database(account->exchange, err, why);
    else
        account_answer_wait(account);
    account_free(account);
}

// username or email, exactly one, and the password. False: the exchange has its answer.
static bool read_credentials(struct account *account, const struct json *body)
{
    static const char *const names[] = {"username", "email", "password"};
    struct bytes username = {0}, email = {0}, password = {0};
    struct body_errors errors;
    errors.count = 0;
    body_check_names(body, names, ARRAY_LEN(names), &errors);
    bool is_read =
        body_read_text(body, "username", CREDENTIAL_MAX, false, &username, &errors) &
        body_read_text(body, "email", CREDENTIAL_MAX, false, &email, &errors) &
        body_read_text(body, "password", AUTH_PASSWORD_BYTES_MAX, true, &password, &errors);
    if (is_read && (username.data == NULL) == (email.data == NULL))
        body_error_add(&errors, "", username.data == NULL ? "username" : "email",
                       username.data == NULL ? "missing-field" : "conflicting-fields",
                       "give one of username and email");
    if (errors.count > 0) {
        body_answer_errors(account->exchange, &errors);
        return false;
    }
    // A name that can be nobody's is treated like one that is nobody's.
    if (users_fold_name(username.data == NULL ? email : username, account->username, NULL) !=
        ERR_OK)
        account->username[0] = '\0';
    account->password_len = password.len;
    memcpy(account->password, password.data, password.len);
    return true;
}

void accounts_login(struct http_exchange *exchange, struct gateway *gateway)
{
    char address[HTTP_PEER_MAX];
    CLEANUP(json_free_p) struct json *body = body_parse(exchange);
    if (body == NULL)
        return;
    CLEANUP(account_free_p) struct account *account = account_new(gateway, exchange);
    if (!read_credentials(account, body))
        return;
    account->now_ms = clock_real_ms();
    throttling_init(&account->throttling, account->username,
                    peer_address(gateway, exchange, address));
    account_ask(TAKE(account), ask_login, then_login);
}

// ---- /refresh

enum { REFRESH_DONE, REFRESH_REFUSED };

static enum err ask_refresh(struct database_job *job, struct pg *pg, struct why *why)
{
    struct account *account = account_of(job);
    struct sessions_spent spent;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = sessions_spend(pg, bytes_from_string(account->shown_sha256),
                                  bytes_from_string(account->token_sha256), account->now_ms,
                                  account->now_ms + REFRESH_MS, &spent, &rows, why);
    if (err != ERR_OK)
        return err;
    account->outcome = spent.outcome == SESSIONS_SPENT ? REFRESH_DONE : REFRESH_REFUSED;
    account->user_id = spent.user_id;
    if (spent.outcome == SESSIONS_REPEATED)
        log_warn("refresh-token-again", "user=%lld what=\"its logins are ended\"",
                 (long long)spent.user_id);
    if (spent.outcome != SESSIONS_SPENT)
        return ERR_OK;
    account->iat_from_ms = spent.iat_from_ms;
    keep(account->role, sizeof account->role, spent.role);
    return ERR_OK;
}

static void then_refresh(struct database_job *job, enum err err, const struct why *why)
{
    CLEANUP(account_free_p) struct account *account = account_of(job);
    if (err != ERR_OK)
        problem_answer_database(account->exchange, err, why);
    else if (account->outcome == REFRESH_REFUSED)
        problem_answer(account->exchange, PROBLEM_BAD_REFRESH_TOKEN, "log in again");
    else
        account_answer_tokens(account);
}

void accounts_refresh(struct http_exchange *exchange, struct gateway *gateway)
{
    static const char *const names[] = {"refresh_token"};
    struct bytes token = {0};
    struct body_errors errors;
    errors.count = 0;
    CLEANUP(json_free_p) struct json *body = body_parse(exchange);
    if (body == NULL)
        return;
    body_check_names(body, names, ARRAY_LEN(names), &errors);
    if (!body_read_text(body, names[0], CREDENTIAL_MAX, true, &token, &errors) ||
        errors.count > 0) {
        body_answer_errors(exchange, &errors);
        return;
    }
    CLEANUP(account_free_p) struct account *account = account_new(gateway, exchange);
    if (!auth_opaque_hash(token, account->shown_sha256)) {
        problem_answer(exchange, PROBLEM_BAD_REFRESH_TOKEN, "log in again");
        return;
    }
    account->now_ms = clock_real_ms();
    auth_opaque_new(account->token, account->token_sha256);
    account_ask(TAKE(account), ask_refresh, then_refresh);
}

// ---- /logout

static enum err ask_logout(struct database_job *job, struct pg *pg, struct why *why)
{
    struct account *account = account_of(job);
    bool is_found = false;
    enum err err = ERR_OK;
    if (account->shown_sha256[0] != '\0') // one of another user's is not found, and stays
        err = sessions_revoke_family(pg, account->user_id, bytes_from_string(account->shown_sha256),
                                     account->now_ms, &is_found, why);
    return err == ERR_OK ? sessions_revoke_token(pg, bytes_from_string(account->claims.id),
                                                 account->claims.expires_at_s * 1000, why)
                         : err;
}

static void then_logout(struct database_job *job, enum err err, const struct why *why)
{
    CLEANUP(account_free_p) struct account *account = account_of(job);
    if (err != ERR_OK) {
        problem_answer_database(account->exchange, err, why);
        return;
    }
    const struct sessions_revocation revocation = {.id = bytes_from_string(account->claims.id),
                                                   .expires_at_ms =
                                                       account->claims.expires_at_s * 1000};
    authority_take_revocations(account->gateway->authority, &revocation, 1);
    log_info("logout", "user=%s", account->claims.subject);
    http_answer(account->exchange, &(struct http_answer){.status = 204});
}

void accounts_logout(struct http_exchange *exchange, struct gateway *gateway)
{
    static const char *const names[] = {"refresh_token"};
    struct bytes token = {0};
    struct body_errors errors;
    errors.count = 0;
    CLEANUP(account_free_p) struct account *account = account_new(gateway, exchange);
    if (http_body(exchange).len > 0) {
        CLEANUP(json_free_p) struct json *body = body_parse(exchange);
        if (body == NULL)
            return;
        body_check_names(body, names, ARRAY_LEN(names), &errors);
        IGNORE(body_read_text(body, names[0], CREDENTIAL_MAX, false, &token, &errors)); // counted
        if (errors.count > 0) {
            body_answer_errors(exchange, &errors);
            return;
        }
        if (token.data != NULL && !auth_opaque_hash(token, account->shown_sha256))
            account->shown_sha256[0] = '\0'; // none of ours: there is nothing to end
    }
    account->claims = *routes_caller(exchange);
    account->now_ms = clock_real_ms();
    if (!account_read_user(account))
        return;
    account_ask(TAKE(account), ask_logout, then_logout);
}
