// SPDX-License-Identifier: MIT
#include "repeat.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "gateway.h"
#include "problem.h"
#include "results.h"

// A gateway that claims a key sends the request right after; one that has not for longer than a
// record may take has died.
enum { ABANDONED_MS = 60000 };

void repeat_done(struct repeat *repeat)
{
    text_done(&repeat->body);
}

static void keep(char *out, size_t size, struct bytes text)
{
    snprintf(out, size, "%.*s", (int)(text.len < size ? text.len : size - 1),
             (const char *)text.data);
}

static void keep_error(struct repeat *repeat, const struct requests_row *row)
{
    keep(repeat->code, sizeof repeat->code, row->error_code);
    keep(repeat->detail, sizeof repeat->detail,
         row->error_text.data == NULL ? row->error_code : row->error_text);
}

enum err repeat_claim(struct repeat *repeat, struct pg *pg, struct gateway *gateway,
                      const struct ask *ask, const char *key, bool *ret_is_new, struct why *why)
{
    struct requests_row row;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    const struct requests_claim claim = {
        .request = {.id = bytes_of(ask->id, ID_LEN),
                    .user_id = bytes_from_string(ask->user_id),
                    .kind = ask->kind,
                    .employee_id = ask->employee_id,
                    .body_sha256 = bytes_from_string(ask->body_sha256),
                    .created_at_ms = ask->created_at_ms},
        .key = bytes_from_string(key),
        .abandoned_before_ms = ask->created_at_ms - ABANDONED_MS};
    enum err err = requests_claim(pg, &claim, ret_is_new, &row, &rows, why);
    if (err != ERR_OK || *ret_is_new)
        return err;
    repeat->is = decide_repeat(&row, bytes_from_string(ask->body_sha256));
    keep(repeat->id, sizeof repeat->id, row.id);
    keep_error(repeat, &row);
    if (repeat->is != DECIDE_REPEAT_DONE)
        return ERR_OK;
    bool is_there = false;
    text_done(&repeat->body);
    repeat->body = TEXT_INIT(ANSWER_MAX);
    const struct answer_words words = {gateway->features, ask->language};
    err = results_write(pg, &words, &row, &is_there, &repeat->body, why);
    if (err == ERR_OK && !is_there) // completed before its result was recorded: in a moment
        repeat->is = DECIDE_REPEAT_RUNNING;
    if (err == ERR_OK && row.state == REQUESTS_FAILED) {
        repeat->is = DECIDE_REPEAT_FAILED;
        keep_error(repeat, &row);
    }
    return err;
}

void repeat_answer(struct repeat *repeat, struct http_exchange *exchange)
{
    switch (repeat->is) {
    case DECIDE_REPEAT_OTHER:
        problem_answer(exchange, PROBLEM_IDEMPOTENCY_KEY_REUSED, "choose another Idempotency-Key");
        return;
    case DECIDE_REPEAT_RUNNING:
        problem_answer_after(exchange, PROBLEM_REQUEST_RUNNING, 1,
                             "the first call is the request %s", repeat->id);
        return;
    case DECIDE_REPEAT_DONE:
        answer_json(exchange, 200, ERR_OK, &repeat->body);
        return;
    case DECIDE_REPEAT_FAILED:
        problem_answer(exchange, results_problem(bytes_from_string(repeat->code)), "%s",
                       repeat->detail);
        return;
    }
}
