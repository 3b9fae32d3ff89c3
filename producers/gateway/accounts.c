// SPDX-License-Identifier: MIT
// /register and /password: the password is judged and hashed on a thread that hashes, then the
// tables are asked.

#include <stdio.h>
#include <string.h>

#include "account.h"
#include "answer.h"
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

enum { NAME_MAX = 256, INVITE_MAX = 256 };

// May the password that somebody chose be one?
static enum err judge(struct account *account, struct bytes password)
{
    return auth_password_check(password, account->username,
                               (int)account->gateway->settings.password_score, &account->why);
}

// True where it has none; else the exchange has its answer.
static bool is_refused(struct account *account, enum err err, const char *field)
{
    if (err == ERR_OK)
        return false;
    if (err == ERR_REJECT)
        problem_answer_field(account->exchange, field, account->why.code, "%s", account->why.text);
    else
        problem_answer(account->exchange, PROBLEM_BUSY, "try again in a moment");
    return true;
}

// ---- /register

enum { REGISTER_DONE, REGISTER_TAKEN, REGISTER_BAD_INVITE };

static enum err ask_register(struct database_job *job, struct pg *pg, struct why *why)
{
    struct account *account = account_of(job);
    struct bytes name = bytes_from_string(account->username);
    struct bytes hash = bytes_from_string(account->fresh_hash);
    if (account->shown_sha256[0] == '\0') {
        bool is_created = false;
        snprintf(account->role, sizeof account->role, "%s", auth_role_name(AUTH_ROLE_HR));
        enum err err =
            users_create(pg, name, hash, account->role, &is_created, &account->user_id, why);
        account->outcome = is_created ? REGISTER_DONE : REGISTER_TAKEN;
        return err;
    }
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum users_redeemed redeemed = USERS_INVITE_INVALID;
    struct bytes role = {0};
    enum err err = users_redeem(pg, bytes_from_string(account->shown_sha256), name, hash,
                                account->now_ms, &redeemed, &account->user_id, &role, &rows, why);
    if (err != ERR_OK)
        return err;
    account->outcome = redeemed == USERS_REDEEMED     ? REGISTER_DONE
                       : redeemed == USERS_NAME_TAKEN ? REGISTER_TAKEN
                                                      : REGISTER_BAD_INVITE;
    snprintf(account->role, sizeof account->role, "%.*s", (int)role.len, (const char *)role.data);
    return ERR_OK;
}

static void answer_registered(struct account *account)
{
    CLEANUP(text_done) struct text body = TEXT_INIT(ANSWER_MAX);
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)account->user_id);
    enum err err = answer_member(&body, '{', "id", bytes_from_string(id));
    if (err == ERR_OK)
        err = answer_member(&body, ',', "username", bytes_from_string(account->username));
    if (err == ERR_OK)
        err = answer_member(&body, ',', "role", bytes_from_string(account->role));
    if (err == ERR_OK)
        err = answer_member_time(&body, ',', "created_at", account->now_ms);
    if (err == ERR_OK)
        err = text_append_string(&body, "}");
    answer_json(account->exchange, 201, err, &body);
}

static void then_register(struct database_job *job, enum err err, const struct why *why)
{
    CLEANUP(account_free_p) struct account *account = account_of(job);
    if (err != ERR_OK) {
        problem_answer_database(account->exchange, err, why);
        return;
    }
    switch (account->outcome) {
    case REGISTER_DONE:
        log_info("registered", "user=%lld role=%s", (long long)account->user_id, account->role);
        answer_registered(account);
        break;
    case REGISTER_TAKEN:
        problem_answer(account->exchange, PROBLEM_USERNAME_TAKEN, "choose another one");
        break;
    default:
        problem_answer(account->exchange, PROBLEM_BAD_INVITE,
                       "it is unknown, was used, or is too old: ask an administrator for another");
        break;
    }
}

static void hash_register(struct account *account, struct auth_hasher *hasher)
{
    struct bytes password = bytes_of(account->password, account->password_len);
    enum err err = judge(account, password);
    if (err == ERR_OK)
        err = auth_hasher_hash(hasher, password, account->fresh_hash, &account->why);
    if (is_refused(account, err, "password"))
        account_free(account);
    else
        account_ask_on(account, ask_register, then_register);
}

static bool read_registration(struct account *account, const struct json *body)
{
    static const char *const names[] = {"username", "email", "password", "invite"};
    struct bytes username = {0}, email = {0}, password = {0}, invite = {0};
    struct body_errors errors;
    struct why why = {0};
    errors.count = 0;
    body_check_names(body, names, ARRAY_LEN(names), &errors);
    bool is_read =
        body_read_text(body, "username", NAME_MAX, false, &username, &errors) &
        body_read_text(body, "email", NAME_MAX, false, &email, &errors) &
        body_read_text(body, "password", AUTH_PASSWORD_BYTES_MAX, true, &password, &errors) &
        body_read_text(body, "invite", INVITE_MAX, false, &invite, &errors);
    const char *field = username.data != NULL ? "username" : "email";
    if (is_read && (username.data == NULL) == (email.data == NULL))
        body_error_add(&errors, "", "username",
                       username.data == NULL ? "missing-field" : "conflicting-fields",
                       "give one of username and email");
    else if (is_read && users_fold_name(username.data == NULL ? email : username, account->username,
                                        &why) != ERR_OK)
        body_error_add(&errors, "", field, why.code, "%s", why.text);
    if (errors.count > 0) {
        body_answer_errors(account->exchange, &errors);
        return false;
    }
    account->password_len = password.len;
    memcpy(account->password, password.data, password.len);
    if (invite.data != NULL && !auth_opaque_hash(invite, account->shown_sha256)) {
        problem_answer(account->exchange, PROBLEM_BAD_INVITE, "it is none that was given out here");
        return false;
    }
    return true;
}

// Who may register at all.
static bool may_register(struct account *account)
{
    switch (account->gateway->registration) {
    case REGISTRATION_OPEN:
        return true;
    case REGISTRATION_INVITE:
        if (account->shown_sha256[0] != '\0')
            return true;
        problem_answer(account->exchange, PROBLEM_INVITE_NEEDED,
                       "ask an administrator for one and send it as invite");
        return false;
    case REGISTRATION_OFF:
        break;
    }
    problem_answer(account->exchange, PROBLEM_REGISTRATION_OFF,
                   "an administrator makes accounts with retentionctl users add");
    return false;
}

void accounts_register(struct http_exchange *exchange, struct gateway *gateway)
{
    CLEANUP(json_free_p) struct json *body = body_parse(exchange);
    if (body == NULL)
        return;
    CLEANUP(account_free_p) struct account *account = account_new(gateway, exchange);
    if (!read_registration(account, body) || !may_register(account))
        return;
    account->now_ms = clock_real_ms();
    http_suspend(exchange, NULL, 0);
    account_hash(TAKE(account), hash_register);
}

// ---- /password

enum { PASSWORD_DONE, PASSWORD_WRONG, PASSWORD_GONE };

static enum err ask_old(struct database_job *job, struct pg *pg, struct why *why)
{
    struct account *account = account_of(job);
    struct users_row user;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    bool is_found = false;
    enum err err = users_read_id(pg, account->user_id, &is_found, &user, &rows, why);
    if (err != ERR_OK)
        return err;
    account->is_found = is_found && !user.is_disabled && user.password_hash.len <= USERS_HASH_MAX;
    if (!account->is_found)
        return ERR_OK;
    account->password_changed_at_ms = user.password_changed_at_ms;
    snprintf(account->username, sizeof account->username, "%.*s", (int)user.username.len,
             (const char *)user.username.data);
    snprintf(account->stored_hash, sizeof account->stored_hash, "%.*s", (int)user.password_hash.len,
             (const char *)user.password_hash.data);
    char address[AUTH_THROTTLE_SUBJECT_MAX];
    memcpy(address, account->throttling.address, sizeof address);
    throttling_init(&account->throttling, account->username, address);
    return throttling_look(&account->throttling, pg, account->now_ms, &account->wait_ms, why);
}

static enum err ask_change(struct database_job *job, struct pg *pg, struct why *why)
{
    struct account *account = account_of(job);
    bool is_changed = false;
    if (!account->is_counted) {
        account->is_counted = true;
        enum err err = throttling_count(&account->throttling, pg, account->is_right,
                                        account->now_ms, &account->wait_ms, why);
        if (err != ERR_OK)
            return err;
        account->now_ms = clock_real_ms();
    }
    account->outcome = PASSWORD_WRONG;
    if (!account->is_right || account->wait_ms > 0)
        return ERR_OK;
    enum err err = users_set_password(pg, account->user_id, account->password_changed_at_ms,
                                      bytes_from_string(account->fresh_hash), account->now_ms,
                                      &is_changed, why);
    account->outcome = is_changed ? PASSWORD_DONE : PASSWORD_GONE;
    return err;
}

static void then_change(struct database_job *job, enum err err, const struct why *why)
{
    CLEANUP(account_free_p) struct account *account = account_of(job);
    if (err != ERR_OK) {
        problem_answer_database(account->exchange, err, why);
        return;
    }
    if (account->wait_ms > 0) {
        account_answer_wait(account);
        return;
    }
    if (account->outcome != PASSWORD_DONE) {
        problem_answer(account->exchange, PROBLEM_WRONG_PASSWORD, "nothing was changed");
        return;
    }
    const struct sessions_revocation revocation = {.is_user = true,
                                                   .id = bytes_from_string(account->claims.subject),
                                                   .issued_before_ms = account->now_ms,
                                                   .expires_at_ms =
                                                       account->now_ms + SESSIONS_ACCESS_MAX_MS};
    authority_take_revocations(account->gateway->authority, &revocation, 1);
    log_info("password-changed", "user=%s", account->claims.subject);
    http_answer(account->exchange, &(struct http_answer){.status = 204});
}

// The new one is judged first: an answer that only a right current password gets would tell that it
// is right, and nobody would have counted the guess.
static void hash_change(struct account *account, struct auth_hasher *hasher)
{
    struct auth_password_result result = {0};
    struct bytes fresh = bytes_of(account->fresh_password, account->fresh_len);
    enum err err = judge(account, fresh);
    if (err == ERR_OK) {
        err = auth_hasher_verify(hasher, account->stored_hash,
                                 bytes_of(account->password, account->password_len), &result,
                                 &account->why);
        account->is_right = err == ERR_OK && result.is_right;
        err = err == ERR_RETRY ? ERR_RETRY : ERR_OK;
    }
    if (account->is_right)
        err = auth_hasher_hash(hasher, fresh, account->fresh_hash, &account->why);
    if (is_refused(account, err, "new_password")) {
        account_free(account);
        return;
    }
    account_ask_on(account, ask_change, then_change);
}

static void then_old(struct database_job *job, enum err err, const struct why *why)
{
    struct account *account = account_of(job);
    if (err == ERR_OK && account->is_found && account->wait_ms == 0) {
        account_hash(account, hash_change);
        return;
    }
    if (err != ERR_OK)
        problem_answer_database(account->exchange, err, why);
    else if (!account->is_found)
        problem_answer(account->exchange, PROBLEM_BAD_TOKEN, "the account is disabled or gone");
    else
        account_answer_wait(account);
    account_free(account);
}

void accounts_password(struct http_exchange *exchange, struct gateway *gateway)
{
    static const char *const names[] = {"current_password", "new_password"};
    struct bytes current = {0}, fresh = {0};
    char address[HTTP_PEER_MAX];
    struct body_errors errors;
    errors.count = 0;
    CLEANUP(json_free_p) struct json *body = body_parse(exchange);
    if (body == NULL)
        return;
    body_check_names(body, names, ARRAY_LEN(names), &errors);
    if (!(body_read_text(body, names[0], AUTH_PASSWORD_BYTES_MAX, true, &current, &errors) &
          body_read_text(body, names[1], AUTH_PASSWORD_BYTES_MAX, true, &fresh, &errors)) ||
        errors.count > 0) {
        body_answer_errors(exchange, &errors);
        return;
    }
    CLEANUP(account_free_p) struct account *account = account_new(gateway, exchange);
    account->claims = *routes_caller(exchange);
    if (!account_read_user(account))
        return;
    account->now_ms = clock_real_ms();
    account->password_len = current.len;
    memcpy(account->password, current.data, current.len);
    account->fresh_len = fresh.len;
    memcpy(account->fresh_password, fresh.data, fresh.len);
    throttling_init(&account->throttling, "", peer_address(gateway, exchange, address));
    account_ask(TAKE(account), ask_old, then_old);
}
