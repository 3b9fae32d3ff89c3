// SPDX-License-Identifier: MIT
// Actions may be a model's words, and what a terminal takes for a command has no place in them:
// such a text is shown as JSON would write it.

#include "plan_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/parse.h"
#include "json/json.h"
#include "store/retention_plans.h"
#include "store/sql.h"

enum { TEXT_BYTES_MAX = 64 * 1024, JSON_COLUMN = 18 };

static void print_text(const char *before, struct bytes text, const char *after)
{
    CLEANUP(text_done) struct text quoted = TEXT_INIT(TEXT_BYTES_MAX);
    if (text.data == NULL)
        return;
    if (!text_is_printable(text) && json_write_string(&quoted, text) == ERR_OK)
        text = text_bytes(&quoted);
    printf("%s%.*s%s", before, (int)text.len, (const char *)text.data, after);
}

static void print_tokens(int64_t tokens, const char *after)
{
    if (tokens != PLAN_NO_TOKENS)
        printf(", %" PRId64 " tokens %s", tokens, after);
}

static void print_plan(const struct plan *plan)
{
    char when[FORMAT_TIME_MAX];
    format_time_ms(plan->created_at_ms, when);
    print_text("plan ", plan->plan_id, "");
    printf(": %s", plan_status_name(plan->status));
    print_text(" by ", plan->generated_by, "");
    print_text(" (", plan->model_name, ")");
    print_text(": ", plan->refusal, "");
    print_text(", language ", plan->language, "");
    print_tokens(plan->input_tokens, "in");
    print_tokens(plan->output_tokens, "out");
    printf("\n  created %s", when);
    print_text(" for employee ", plan->employee_id, "");
    print_text(", prediction ", plan->prediction_id, "\n");
    print_text("  asked for as ", plan->request_id, plan->requested_by.data == NULL ? "\n" : "");
    print_text(plan->request_id.data == NULL ? "  asked for by " : " by ", plan->requested_by,
               "\n");
    print_text("  reused from ", plan->reused_from, "\n");
    print_text("  prompt ", plan->prompt_sha256, "\n");
    for (size_t i = 0; i < PLAN_ACTIONS; i++) {
        char number[24];
        snprintf(number, sizeof number, "  %zu. ", i + 1);
        print_text(number, plan->actions[i], "\n");
    }
}

static enum err print_calls(struct pg *pg, struct bytes plan_id, struct why *why)
{
    enum { ATTEMPT, PROVIDER, MODEL_NAME, OUTCOME, CLAIMED_AT, INPUT, OUTPUT, COST };
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err =
        pg_exec(pg, sql_plan_calls, (struct pg_param[]){PG_TEXT(plan_id)}, 1, &rows, why);
    for (size_t i = 0; err == ERR_OK && i < pg_count(rows); i++) {
        char when[FORMAT_TIME_MAX];
        format_time_ms(pg_get_time_ms(rows, i, CLAIMED_AT), when);
        printf("  attempt %d, %s:", pg_get_int4(rows, i, ATTEMPT), when);
        print_text(" ", pg_get_text(rows, i, PROVIDER), "");
        print_text(" ", pg_get_text(rows, i, MODEL_NAME), "");
        print_text(", ", pg_get_text(rows, i, OUTCOME), "");
        if (!pg_is_null(rows, i, INPUT))
            print_tokens(pg_get_int8(rows, i, INPUT), "in");
        if (!pg_is_null(rows, i, OUTPUT))
            print_tokens(pg_get_int8(rows, i, OUTPUT), "out");
        if (!pg_is_null(rows, i, COST))
            printf(", %.6f USD", (double)pg_get_int8(rows, i, COST) / 1e6);
        printf("\n");
    }
    return err;
}

enum err plan_print(struct pg *pg, const char *id, bool is_json, struct plan_printed *ret,
                    struct why *why)
{
    *ret = (struct plan_printed){0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = pg_exec(pg, sql_plan_show, (struct pg_param[]){PG_STRING(id)}, 1, &rows, why);
    for (size_t i = 0; err == ERR_OK && i < pg_count(rows); i++) {
        struct plan plan;
        retention_plans_read(rows, i, &plan);
        *ret = (struct plan_printed){.is_found = true, .is_refused = plan.status == PLAN_REFUSED};
        if (is_json) {
            struct bytes line = pg_get_text(rows, i, JSON_COLUMN);
            printf("%.*s\n", (int)line.len, (const char *)line.data);
            continue;
        }
        print_plan(&plan);
        err = print_calls(pg, plan.plan_id, why);
    }
    return err;
}
