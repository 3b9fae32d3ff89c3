// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/employee_state.h"

static struct employee_key key_at(int64_t event_time_ms, int64_t offset)
{
    return (struct employee_key){.event_time_ms = event_time_ms,
                                 .topic_rank = TOPIC_RANK_EMPLOYEE_CHANGES,
                                 .generation = 1,
                                 .offset = offset};
}

static void the_later_event_time_wins_whatever_the_place(void **state)
{
    (void)state;
    assert_true(employee_key_compare(key_at(2, 1), key_at(1, 9)) > 0);
    assert_true(employee_key_compare(key_at(1, 9), key_at(2, 1)) < 0);
    assert_true(employee_key_compare(key_at(1, 2), key_at(1, 1)) > 0);
    assert_int_equal(employee_key_compare(key_at(1, 1), key_at(1, 1)), 0);
}

static void
at_equal_times_the_hr_system_beats_a_request_and_a_new_generation_an_old_one(void **state)
{
    (void)state;
    struct employee_key change = key_at(5, 1), request = key_at(5, 9);
    request.topic_rank = TOPIC_RANK_SCORE_REQUESTS;
    assert_true(employee_key_compare(change, request) > 0);
    struct employee_key again = key_at(5, 0);
    again.generation = 2;
    assert_true(employee_key_compare(again, key_at(5, 9)) > 0);
    struct employee_key elsewhere = key_at(5, 1);
    elsewhere.partition = 1;
    assert_true(employee_key_compare(elsewhere, change) > 0);
}

static void anything_stands_for_an_employee_never_seen(void **state)
{
    (void)state;
    struct employee_state none = {0};
    assert_true(employee_replaces(&none, key_at(0, 0), CHANGE_UPDATED));
    assert_true(employee_replaces(&none, key_at(0, 0), CHANGE_LEFT));
}

static void an_older_or_repeated_event_replaces_nothing(void **state)
{
    (void)state;
    struct employee_state here = {.is_known = true, .key = key_at(5, 5)};
    assert_false(employee_replaces(&here, key_at(4, 9), CHANGE_UPDATED));
    assert_false(employee_replaces(&here, key_at(4, 9), CHANGE_LEFT));
    assert_false(employee_replaces(&here, key_at(5, 5), CHANGE_UPDATED));
    assert_true(employee_replaces(&here, key_at(5, 6), CHANGE_UPDATED));
}

static void after_a_departure_only_a_later_created_or_departure_counts(void **state)
{
    (void)state;
    struct employee_state left = {.is_known = true, .key = key_at(5, 5), .has_left = true};
    assert_false(employee_replaces(&left, key_at(9, 9), CHANGE_UPDATED));
    assert_false(employee_replaces(&left, key_at(5, 9), CHANGE_CREATED));
    assert_true(employee_replaces(&left, key_at(6, 1), CHANGE_CREATED));
    assert_true(employee_replaces(&left, key_at(5, 9), CHANGE_ERASED));
    assert_false(employee_replaces(&left, key_at(4, 9), CHANGE_LEFT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_later_event_time_wins_whatever_the_place),
        cmocka_unit_test(
            at_equal_times_the_hr_system_beats_a_request_and_a_new_generation_an_old_one),
        cmocka_unit_test(anything_stands_for_an_employee_never_seen),
        cmocka_unit_test(an_older_or_repeated_event_replaces_nothing),
        cmocka_unit_test(after_a_departure_only_a_later_created_or_departure_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
