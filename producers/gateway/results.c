// SPDX-License-Identifier: MIT
#include "results.h"

#include <string.h>

#include "store/listings.h"

// Refusals of the retention worker under names of its own.
static const struct refusal {
    const char *code;
    enum problem problem;
    const char *detail;
} refusals[] = {
    {"left", PROBLEM_EMPLOYEE_LEFT, "there is no plan for somebody who has left"},
    {"not-this-employee", PROBLEM_NOT_THIS_EMPLOYEE, "ask with the prediction alone"},
    {"prediction-not-recorded", PROBLEM_NO_SUCH_PREDICTION, "there is none of this id"},
    {"facts-gone", PROBLEM_FACTS_GONE, "score the employee again"},
    {"provider-unavailable", PROBLEM_PROVIDER_UNAVAILABLE, "try again later"},
    {"plans-are-off", PROBLEM_PLANS_ARE_OFF, "an operator has stopped them"},
    {"no-usable-answer", PROBLEM_NO_USABLE_ANSWER, "try again later"},
};

static const struct refusal *refusal_of(struct bytes code)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (bytes_equal_string(code, refusals[i].code))
            return &refusals[i];
    return NULL;
}

enum problem results_problem(struct bytes code)
{
    const struct refusal *refusal = refusal_of(code);
    return refusal == NULL ? problem_from_code(code) : refusal->problem;
}

void results_answer_refusal(struct http_exchange *exchange, struct bytes code)
{
    const struct refusal *refusal = refusal_of(code);
    if (refusal == NULL)
        problem_answer(exchange, results_problem(code), "%.*s",
                       (int)(code.len < 64 ? code.len : 64), (const char *)code.data);
    else
        problem_answer(exchange, refusal->problem, "%s", refusal->detail);
}

bool results_is_answer(const struct plan *plan)
{
    return plan->status != PLAN_REFUSED || bytes_equal_string(plan->refusal, "not-needed");
}

static enum err write_score(struct pg *pg, const struct answer_words *words,
                            const struct requests_row *row, bool *ret_is_there, struct text *out,
                            struct why *why)
{
    enum { NAMES_MAX = 32 * 1024 };
    struct prediction prediction;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(text_done) struct text missing = TEXT_INIT(NAMES_MAX);
    enum err err = listings_prediction(pg, row->result_id, ret_is_there, &prediction, &rows, why);
    if (err != ERR_OK || !*ret_is_there)
        return err;
    for (size_t i = 0; err == ERR_OK && i < row->missing_count; i++) {
        if (i > 0)
            err = text_append_string(&missing, ",");
        if (err == ERR_OK)
            err = text_append(&missing, row->missing_inputs[i].data, row->missing_inputs[i].len);
    }
    return err == ERR_OK
               ? answer_write_score(words, &prediction, text_bytes(&missing), row->id, out)
               : err;
}

static enum err write_plan(struct pg *pg, struct requests_row *row, bool *ret_is_there,
                           struct text *out, struct why *why)
{
    struct plan plan;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = listings_plan(pg, row->result_id, ret_is_there, &plan, &rows, why);
    if (err != ERR_OK || !*ret_is_there)
        return err;
    if (results_is_answer(&plan))
        return answer_write_plan_reply(&plan, row->id, out);
    const struct refusal *refusal = refusal_of(plan.refusal);
    row->state = REQUESTS_FAILED;
    row->error_code = bytes_from_string(problem_of(results_problem(plan.refusal)).code);
    row->error_text = bytes_from_string(refusal == NULL ? "there is no plan" : refusal->detail);
    return ERR_OK;
}

enum err results_write(struct pg *pg, const struct answer_words *words, struct requests_row *row,
                       bool *ret_is_there, struct text *out, struct why *why)
{
    *ret_is_there = false;
    switch (row->kind) {
    case REQUESTS_PREDICT:
        return write_score(pg, words, row, ret_is_there, out, why);
    case REQUESTS_PLAN:
        return write_plan(pg, row, ret_is_there, out, why);
    case REQUESTS_CHANGE:
        *ret_is_there = row->answer.len > 0;
        return text_append(out, row->answer.data, row->answer.len);
    }
    return ERR_OK;
}
