// SPDX-License-Identifier: MIT
#include "store/retention_plans.h"

#include "store/sql.h"

// One order of columns for all that writes and reads plans: that of plan_copy.sql.

enum {
    PLAN_ID,
    REQUEST_ID,
    PREDICTION_ID,
    EMPLOYEE_ID,
    STATUS,
    ACTION_1,
    LANGUAGE = ACTION_1 + PLAN_ACTIONS,
    GENERATED_BY,
    MODEL_NAME,
    PROMPT_SHA256,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CREATED_AT,
    REQUESTED_BY,
    REFUSAL,
    REUSED_FROM,
    FIELDS,
};

static void put_tokens(struct copy *copy, int64_t tokens)
{
    if (tokens == PLAN_NO_TOKENS)
        copy_null(copy);
    else
        copy_int8(copy, tokens);
}

static void put_plan(struct copy *copy, const struct plan *plan)
{
    copy_row(copy, FIELDS);
    copy_text(copy, plan->plan_id);
    copy_text(copy, plan->request_id);
    copy_text(copy, plan->prediction_id);
    copy_text(copy, plan->employee_id);
    copy_text(copy, bytes_from_string(plan_status_name(plan->status)));
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        copy_text(copy, plan->actions[i]);
    copy_text(copy, plan->language);
    copy_text(copy, plan->generated_by);
    copy_text(copy, plan->model_name);
    copy_text(copy, plan->prompt_sha256);
    put_tokens(copy, plan->input_tokens);
    put_tokens(copy, plan->output_tokens);
    copy_time_ms(copy, plan->created_at_ms);
    copy_text(copy, plan->requested_by);
    copy_text(copy, plan->refusal);
    copy_text(copy, plan->reused_from);
}

enum err retention_plans_store(struct pg *pg, const struct plan *plans, size_t count,
                               struct copy *copy, bool is_careful, struct append_result *ret,
                               struct why *why)
{
    static const struct append_table table = {sql_plan_copy, sql_plan_incoming,
                                              sql_plan_incoming_copy, sql_plan_insert_new,
                                              sql_plan_conflicts};
    copy_begin(copy);
    for (size_t i = 0; i < count; i++)
        put_plan(copy, &plans[i]);
    return append_rows(&table, pg, copy, is_careful, ret, NULL, why);
}

static int64_t tokens_of(const struct pg_rows *rows, size_t row, int column)
{
    return pg_is_null(rows, row, column) ? PLAN_NO_TOKENS : pg_get_int8(rows, row, column);
}

void retention_plans_read(const struct pg_rows *rows, size_t row, struct plan *ret)
{
    *ret = (struct plan){
        .plan_id = pg_get_text(rows, row, PLAN_ID),
        .request_id = pg_get_text(rows, row, REQUEST_ID),
        .prediction_id = pg_get_text(rows, row, PREDICTION_ID),
        .employee_id = pg_get_text(rows, row, EMPLOYEE_ID),
        .status = PLAN_REFUSED,
        .language = pg_get_text(rows, row, LANGUAGE),
        .generated_by = pg_get_text(rows, row, GENERATED_BY),
        .model_name = pg_get_text(rows, row, MODEL_NAME),
        .prompt_sha256 = pg_get_text(rows, row, PROMPT_SHA256),
        .input_tokens = tokens_of(rows, row, INPUT_TOKENS),
        .output_tokens = tokens_of(rows, row, OUTPUT_TOKENS),
        .created_at_ms = pg_get_time_ms(rows, row, CREATED_AT),
        .requested_by = pg_get_text(rows, row, REQUESTED_BY),
        .refusal = pg_get_text(rows, row, REFUSAL),
        .reused_from = pg_get_text(rows, row, REUSED_FROM),
    };
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        ret->actions[i] = pg_get_text(rows, row, ACTION_1 + (int)i);
    // The table's own check allows no other word; a null leaves it refused.
    IGNORE(plan_status_from_text(pg_get_text(rows, row, STATUS), &ret->status));
}
