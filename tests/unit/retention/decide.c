// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "decide.h"

static enum decide_missing missing;
static const char *refusal;

static enum decision about(bool is_request, const struct plans_seen *seen, bool is_passed,
                           int64_t waited_ms)
{
    const struct decide_input input = {.is_request = is_request,
                                       .seen = seen,
                                       .employee_id = bytes_from_string("E1"),
                                       .is_passed = is_passed,
                                       .waited_ms = waited_ms};
    refusal = NULL;
    return decide(&input, &refusal, &missing);
}

static struct plans_seen high(enum plans_episode episode)
{
    return (struct plans_seen){.is_recorded = true,
                               .employee_id = bytes_from_string("E1"),
                               .band = BAND_HIGH,
                               .has_facts = true,
                               .episode = episode};
}

static void an_episode_is_planned_for_by_the_score_that_opened_it(void **state)
{
    (void)state;
    struct plans_seen seen = high(PLANS_EPISODE_OPEN);
    assert_int_equal(about(false, &seen, false, 0), DECIDE_MAKE);
    // A score that fell meanwhile has opened one all the same.
    seen = high(PLANS_EPISODE_FELL);
    assert_int_equal(about(false, &seen, false, 0), DECIDE_MAKE);
    seen = high(PLANS_EPISODE_NONE);
    assert_int_equal(about(false, &seen, false, 0), DECIDE_PASS);
    seen = high(PLANS_EPISODE_LEFT);
    assert_int_equal(about(false, &seen, false, 0), DECIDE_REFUSE);
    assert_string_equal(refusal, "left");
    // Facts come with the record itself.
    seen = high(PLANS_EPISODE_OPEN);
    seen.has_facts = false;
    assert_int_equal(about(false, &seen, false, 0), DECIDE_MAKE);
}

static void a_score_is_waited_for_until_the_recorder_has_passed_it(void **state)
{
    (void)state;
    const struct plans_seen seen = {.is_recorded = false};
    assert_int_equal(about(false, &seen, false, INT64_MAX), DECIDE_WAIT);
    assert_int_equal(missing, MISSING_PREDICTION);
    assert_int_equal(about(false, &seen, true, 0), DECIDE_REFUSE);
    assert_string_equal(refusal, "prediction-not-recorded");
}

static void a_request_needs_no_episode(void **state)
{
    (void)state;
    struct plans_seen seen = high(PLANS_EPISODE_NONE);
    assert_int_equal(about(true, &seen, false, 0), DECIDE_MAKE);
    seen.has_left = true;
    assert_int_equal(about(true, &seen, false, 0), DECIDE_REFUSE);
    assert_string_equal(refusal, "left");
    for (enum band band = BAND_LOW; band <= BAND_UNKNOWN; band++) {
        seen = high(PLANS_EPISODE_NONE);
        seen.band = band;
        if (band == BAND_HIGH)
            continue;
        assert_int_equal(about(true, &seen, false, 0), DECIDE_REFUSE);
        assert_string_equal(refusal, "not-needed");
    }
}

static void a_request_waits_for_its_prediction_and_facts(void **state)
{
    (void)state;
    struct plans_seen seen = {.is_recorded = false};
    assert_int_equal(about(true, &seen, true, DECIDE_REQUEST_WAIT_MS - 1), DECIDE_WAIT);
    assert_int_equal(about(true, &seen, false, DECIDE_REQUEST_WAIT_MS), DECIDE_REFUSE);
    assert_string_equal(refusal, "prediction-not-recorded");
    seen = high(PLANS_EPISODE_OPEN);
    seen.has_facts = false;
    assert_int_equal(about(true, &seen, false, INT64_MAX), DECIDE_WAIT);
    assert_int_equal(missing, MISSING_FACTS);
    assert_int_equal(about(true, &seen, true, 0), DECIDE_REFUSE);
    assert_string_equal(refusal, "facts-gone");
}

static void a_plan_is_never_made_of_another_employees_facts(void **state)
{
    (void)state;
    for (int is_request = 0; is_request < 2; is_request++) {
        struct plans_seen seen = high(PLANS_EPISODE_OPEN);
        seen.employee_id = bytes_from_string("E2");
        assert_int_equal(about(is_request, &seen, true, 0), DECIDE_REFUSE);
        assert_string_equal(refusal, "not-this-employee");
        seen.answer.plan_id = bytes_from_string("plan-requests/0/1");
        assert_int_equal(about(is_request, &seen, true, 0), DECIDE_REFUSE);
    }
}

static void a_result_in_the_ledger_comes_before_everything(void **state)
{
    (void)state;
    struct plans_seen seen = high(PLANS_EPISODE_LEFT);
    seen.answer.plan_id = bytes_from_string("high-risk/0/1");
    assert_int_equal(about(false, &seen, false, 0), DECIDE_ANSWER);
    seen.is_recorded = false;
    assert_int_equal(about(true, &seen, true, INT64_MAX), DECIDE_ANSWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_episode_is_planned_for_by_the_score_that_opened_it),
        cmocka_unit_test(a_score_is_waited_for_until_the_recorder_has_passed_it),
        cmocka_unit_test(a_request_needs_no_episode),
        cmocka_unit_test(a_request_waits_for_its_prediction_and_facts),
        cmocka_unit_test(a_plan_is_never_made_of_another_employees_facts),
        cmocka_unit_test(a_result_in_the_ledger_comes_before_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
