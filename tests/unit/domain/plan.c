// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/compiler.h"
#include "domain/plan.h"

static struct bytes b(const char *text)
{
    return bytes_from_string(text);
}

static struct plan written(void)
{
    return (struct plan){.plan_id = b("high-risk/3/17"),
                         .prediction_id = b("employee-changes/3/9"),
                         .employee_id = b("17"),
                         .status = PLAN_WRITTEN,
                         .actions = {b("One."), b("Two."), b("Three.")},
                         .language = b("en"),
                         .generated_by = b("gemini"),
                         .input_tokens = PLAN_NO_TOKENS,
                         .output_tokens = 5,
                         .created_at_ms = 1700000000000};
}

static struct plan refused(void)
{
    struct plan plan = written();
    plan.status = PLAN_REFUSED;
    plan.refusal = b("not-needed");
    plan.generated_by = (struct bytes){0};
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        plan.actions[i] = (struct bytes){0};
    return plan;
}

static void assert_refused(const struct plan *plan, const char *code)
{
    struct why why = {0};
    assert_err(plan_check(plan, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, code);
}

static void names_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        enum plan_status status = PLAN_REFUSED;
        enum plan_maker maker = PLAN_MAKER_GEMINI;
        assert_true(plan_status_from_text(b(plan_status_name((enum plan_status)i)), &status));
        assert_int_equal(status, i);
        assert_true(plan_maker_from_text(b(plan_maker_name((enum plan_maker)i)), &maker));
        assert_int_equal(maker, i);
    }
    enum plan_status status = PLAN_FALLBACK;
    enum plan_maker maker = PLAN_MAKER_RULES;
    assert_false(plan_status_from_text(b("Written"), &status));
    assert_false(plan_maker_from_text((struct bytes){0}, &maker));
    assert_true(status == PLAN_FALLBACK && maker == PLAN_MAKER_RULES);
}

static void a_plan_has_three_actions_or_says_why_not(void **state)
{
    (void)state;
    struct why why = {0};
    struct plan plan = written();
    assert_ok(plan_check(&plan, &why), &why);
    plan.actions[1] = (struct bytes){0};
    assert_refused(&plan, "bad-plan");
    plan.actions[1] = b("");
    assert_refused(&plan, "bad-plan");
    plan = written();
    plan.refusal = b("not-needed");
    assert_refused(&plan, "bad-plan");
    plan = written();
    plan.generated_by = (struct bytes){0};
    assert_refused(&plan, "bad-plan");
    plan.generated_by = b("somebody");
    assert_refused(&plan, "bad-maker");
    plan.generated_by = b("rules"); // which make fallbacks
    assert_refused(&plan, "bad-plan");
    plan.status = PLAN_FALLBACK;
    assert_ok(plan_check(&plan, &why), &why);

    plan = refused();
    assert_ok(plan_check(&plan, &why), &why);
    plan.actions[2] = b("Three.");
    assert_refused(&plan, "bad-plan");
    plan = refused();
    plan.refusal = (struct bytes){0};
    assert_refused(&plan, "bad-plan");
    plan = refused();
    plan.generated_by = b("gemini");
    assert_refused(&plan, "bad-plan");
}

static void what_no_table_can_hold_is_refused_with_its_code(void **state)
{
    (void)state;
    static char large[PLAN_ACTION_MAX + 1];
    memset(large, 'x', sizeof large);
    struct plan plan = written();
    plan.plan_id = b("");
    assert_refused(&plan, "bad-plan-id");
    plan = written();
    plan.prediction_id = bytes_of("a\0b", 3);
    assert_refused(&plan, "bad-prediction-id");
    plan = written();
    plan.employee_id = bytes_of(large, 129);
    assert_refused(&plan, "bad-employee-id");
    plan = written();
    plan.actions[0] = bytes_of(large, sizeof large);
    assert_refused(&plan, "bad-text");
    plan = written();
    plan.language = b("\xff");
    assert_refused(&plan, "bad-text");
    plan = written();
    plan.reused_from = bytes_of(large, 513);
    assert_refused(&plan, "bad-text");
    plan = written();
    plan.created_at_ms = -1;
    assert_refused(&plan, "bad-time");
    plan = written();
    plan.input_tokens = -2;
    assert_refused(&plan, "bad-tokens");
}

static void a_request_is_held_to_its_rules(void **state)
{
    (void)state;
    const struct plan_request good = {.request_id = b("r-1"),
                                      .prediction_id = b("employee-changes/3/9"),
                                      .employee_id = b("17"),
                                      .language = b("fr"),
                                      .requested_at_ms = 1700000000000};
    struct why why = {0};
    assert_ok(plan_request_check(&good, b("17"), &why), &why);
    struct plan_request bad[] = {good, good, good, good, good, good, good};
    static const char *const codes[] = {"bad-request-id", "bad-prediction-id", "bad-employee-id",
                                        "bad-text",       "bad-time",          "bad-language",
                                        "key-mismatch"};
    bad[0].request_id = b("");
    bad[1].prediction_id = b("");
    bad[2].employee_id = bytes_of("\0", 1);
    bad[3].requested_by = b("\xff");
    bad[4].requested_at_ms = INT64_MAX;
    bad[5].language = b("de");
    bad[6].employee_id = b("18");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_err(plan_request_check(&bad[i], b("17"), &why), ERR_REJECT, &why);
        assert_string_equal(why.code, codes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(a_plan_has_three_actions_or_says_why_not),
        cmocka_unit_test(what_no_table_can_hold_is_refused_with_its_code),
        cmocka_unit_test(a_request_is_held_to_its_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
