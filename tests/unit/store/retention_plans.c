// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/retention_plans.h"
#include "support/pg.h"

static struct pg_server *server;
static struct pg *pg;

static int start(void **state)
{
    (void)state;
    server = pg_server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_server_stop(server);
    return 0;
}

static int open_database(void **state)
{
    (void)state;
    pg = pg_server_migrated(server);
    return 0;
}

static int close_database(void **state)
{
    (void)state;
    pg_close(TAKE(pg));
    return 0;
}

static struct bytes b(const char *text)
{
    return bytes_from_string(text);
}

static struct plan full(const char *id)
{
    return (struct plan){.plan_id = b(id),
                         .request_id = b("r-1"),
                         .prediction_id = b("employee-changes/3/9"),
                         .employee_id = b("17"),
                         .status = PLAN_WRITTEN,
                         .actions = {b("One."), b("Deux, \xc3\xa0 voir."), b("Three.")},
                         .language = b("en"),
                         .generated_by = b("gemini"),
                         .model_name = b("gemini-3.8-flash"),
                         .prompt_sha256 = b("9f86"),
                         .input_tokens = 512,
                         .output_tokens = PLAN_NO_TOKENS,
                         .created_at_ms = 1700000000123,
                         .requested_by = b("u1"),
                         .reused_from = b("high-risk/0/1")};
}

static struct plan refused(const char *id)
{
    return (struct plan){.plan_id = b(id),
                         .prediction_id = b("employee-changes/3/9"),
                         .employee_id = b("17"),
                         .status = PLAN_REFUSED,
                         .language = b("fr"),
                         .input_tokens = PLAN_NO_TOKENS,
                         .output_tokens = PLAN_NO_TOKENS,
                         .created_at_ms = 5,
                         .refusal = b("left")};
}

static enum err try_store(const struct plan *plans, size_t count, bool is_careful,
                          struct append_result *result, struct why *why)
{
    CLEANUP(copy_done) struct copy copy;
    copy_init(&copy, 1 << 20);
    assert_ok(pg_begin(pg, why), why);
    enum err err = retention_plans_store(pg, plans, count, &copy, is_careful, result, why);
    if (err == ERR_OK)
        return pg_commit(pg, why);
    pg_rollback(pg);
    return err;
}

static void assert_same(struct bytes a, struct bytes c)
{
    assert_int_equal(a.data == NULL, c.data == NULL);
    assert_true(bytes_equal(a, c));
}

static void assert_same_plan(const struct plan *a, const struct plan *c)
{
    assert_same(a->plan_id, c->plan_id);
    assert_same(a->request_id, c->request_id);
    assert_same(a->prediction_id, c->prediction_id);
    assert_same(a->employee_id, c->employee_id);
    assert_int_equal(a->status, c->status);
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        assert_same(a->actions[i], c->actions[i]);
    assert_same(a->language, c->language);
    assert_same(a->generated_by, c->generated_by);
    assert_same(a->model_name, c->model_name);
    assert_same(a->prompt_sha256, c->prompt_sha256);
    assert_int_equal(a->input_tokens, c->input_tokens);
    assert_int_equal(a->output_tokens, c->output_tokens);
    assert_int_equal(a->created_at_ms, c->created_at_ms);
    assert_same(a->requested_by, c->requested_by);
    assert_same(a->refusal, c->refusal);
    assert_same(a->reused_from, c->reused_from);
}

static void a_plan_is_a_row_and_comes_back_as_it_was(void **state)
{
    (void)state;
    const struct plan plans[] = {full("high-risk/0/1"), refused("high-risk/0/2")};
    struct append_result result = {0};
    struct why why = {0};
    assert_ok(try_store(plans, 2, false, &result, &why), &why);
    assert_int_equal(result.stored, 2);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    assert_ok(pg_exec(pg, "SELECT * FROM retention_plan ORDER BY plan_id", NULL, 0, &rows, &why),
              &why);
    assert_int_equal(pg_count(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        struct plan back;
        retention_plans_read(rows, i, &back);
        assert_same_plan(&plans[i], &back);
        assert_ok(plan_check(&back, &why), &why);
    }
}

static void an_equal_plan_is_skipped_and_a_differing_one_kept_aside(void **state)
{
    (void)state;
    struct plan plans[] = {full("high-risk/0/1"), full("high-risk/0/2"), refused("high-risk/0/3")};
    struct append_result result = {0};
    struct why why = {0};
    assert_ok(try_store(plans, 2, false, &result, &why), &why);
    plans[1].output_tokens = 0; // which is not "not known"
    assert_err(try_store(plans, 3, false, &result, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "23505");
    assert_ok(try_store(plans, 3, true, &result, &why), &why);
    assert_int_equal(result.stored, 1);
    assert_int_equal(result.duplicates, 1);
    assert_int_equal(result.conflicts, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM recorder_conflict WHERE "
                                  "table_name = 'retention_plan' "
                                  "AND incoming->>'plan_id' = 'high-risk/0/2' "
                                  "AND prediction_id = 'employee-changes/3/9'"),
                     1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM retention_plan"), 3);
}

static void the_table_takes_no_plan_that_the_check_refuses(void **state)
{
    (void)state;
    struct plan plan = full("high-risk/0/1");
    plan.actions[2] = (struct bytes){0};
    struct append_result result = {0};
    struct why why = {0};
    assert_err(plan_check(&plan, &why), ERR_REJECT, &why);
    assert_err(try_store(&plan, 1, false, &result, &why), ERR_REJECT, &why);
    plan = refused("high-risk/0/1");
    plan.refusal = (struct bytes){0};
    assert_err(plan_check(&plan, &why), ERR_REJECT, &why);
    assert_err(try_store(&plan, 1, false, &result, &why), ERR_REJECT, &why);
}

#define IN_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_database, close_database)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(a_plan_is_a_row_and_comes_back_as_it_was),
        IN_DATABASE(an_equal_plan_is_skipped_and_a_differing_one_kept_aside),
        IN_DATABASE(the_table_takes_no_plan_that_the_check_refuses),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
