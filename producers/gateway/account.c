// SPDX-License-Identifier: MIT
#include "account.h"

#include <stdlib.h>

#include "answer.h"
#include "base/mem.h"
#include "base/parse.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "metrics.h"
#include "problem.h"

struct account *account_new(struct gateway *gateway, struct http_exchange *exchange)
{
    struct account *account = mem_zalloc(sizeof *account);
    account->gateway = gateway;
    account->exchange = exchange;
    return account;
}

void account_free(struct account *account)
{
    if (account == NULL)
        return;
    crypto_wipe(account, sizeof *account);
    free(account);
}

void account_ask(struct account *account,
                 enum err (*ask)(struct database_job *, struct pg *, struct why *),
                 void (*then)(struct database_job *, enum err, const struct why *))
{
    account->job.ask = ask;
    account->job.then = then;
    http_suspend(account->exchange, NULL, 0);
    if (database_ask(account->gateway->database, &account->job))
        return;
    problem_answer(account->exchange, PROBLEM_OVERLOADED, "too many calls wait for the database");
    account_free(account);
}

void account_ask_on(struct account *account,
                    enum err (*ask)(struct database_job *, struct pg *, struct why *),
                    void (*then)(struct database_job *, enum err, const struct why *))
{
    account->job.ask = ask;
    account->job.then = then;
    database_ask_on(account->gateway->database, &account->job);
}

static void run_hashing(struct pool_job *job, void *worker)
{
    struct account *account =
        (struct account *)(void *)((char *)job - offsetof(struct account, hashing));
    account->hash_step(account, worker);
}

void account_hash(struct account *account,
                  void (*run)(struct account *account, struct auth_hasher *hasher))
{
    account->hashing.run = run_hashing;
    account->hash_step = run;
    if (pool_put(account->gateway->hashing, &account->hashing))
        return;
    metric_add(metrics_cell(account->gateway->metrics, METRIC_LOGINS, "busy", NULL), 1);
    problem_answer(account->exchange, PROBLEM_BUSY, "try again in a moment");
    account_free(account);
}

void account_answer_tokens(struct account *account)
{
    enum { TOKEN_MAX = 2048 };
    struct why why = {0};
    CLEANUP(text_done) struct text token = TEXT_INIT(TOKEN_MAX);
    CLEANUP(text_done) struct text body = TEXT_INIT(ANSWER_MAX);
    enum err err = authority_issue(account->gateway->authority, account->user_id,
                                   bytes_from_string(account->role), account->now_ms,
                                   account->iat_from_ms, &token, &why);
    if (err != ERR_OK) {
        problem_answer_database(account->exchange, err, &why);
        return;
    }
    err = answer_member(&body, '{', "access_token", text_bytes(&token));
    if (err == ERR_OK)
        err = answer_member(&body, ',', "token_type", bytes_from_string("bearer"));
    if (err == ERR_OK)
        err = text_printf(&body, ",\"expires_in\":%d", AUTH_TOKEN_LIFE_S);
    if (err == ERR_OK)
        err = answer_member(&body, ',', "refresh_token", bytes_from_string(account->token));
    if (err == ERR_OK)
        err = text_append_string(&body, "}");
    answer_json(account->exchange, 200, err, &body);
}

bool account_read_user(struct account *account)
{
    if (parse_i64(bytes_from_string(account->claims.subject), 1, INT64_MAX, &account->user_id,
                  NULL) == ERR_OK)
        return true;
    problem_answer(account->exchange, PROBLEM_BAD_TOKEN, "log in again");
    return false;
}

void account_answer_wait(struct account *account)
{
    int64_t wait_s = (account->wait_ms + 999) / 1000;
    metric_add(metrics_cell(account->gateway->metrics, METRIC_LOGINS, "throttled", NULL), 1);
    problem_answer_after(account->exchange, PROBLEM_TOO_MANY_ATTEMPTS, wait_s,
                         "try again in %lld seconds", (long long)wait_s);
}
