// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "planner/breaker.h"

static void ended(struct breaker *breaker, enum breaker_result result, int count, int64_t now_ms)
{
    for (int i = 0; i < count; i++)
        breaker_end(breaker, false, result, now_ms);
}

static void half_of_ten_calls_in_a_minute_open_it(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker);
    ended(&breaker, BREAKER_FAILED, 9, 1000);
    assert_int_equal(breaker.state, BREAKER_CLOSED); // too few to judge
    breaker_init(&breaker);
    ended(&breaker, BREAKER_WORKED, 6, 1000);
    ended(&breaker, BREAKER_FAILED, 5, 2000);
    assert_int_equal(breaker.state, BREAKER_CLOSED); // 5 of 11
    ended(&breaker, BREAKER_FAILED, 1, 3000);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker_wait_ms(&breaker, 3000), BREAKER_WAIT_FIRST_MS);
}

static void what_is_older_than_a_minute_does_not_count(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker);
    ended(&breaker, BREAKER_FAILED, 9, 1000);
    ended(&breaker, BREAKER_FAILED, 1, 61000);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    ended(&breaker, BREAKER_FAILED, 9, 120999);
    assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void calls_that_say_nothing_do_not_count(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker);
    ended(&breaker, BREAKER_NO_RESULT, 100, 1000);
    ended(&breaker, BREAKER_FAILED, 9, 1000);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void one_call_goes_through_as_a_probe(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker);
    assert_false(breaker_start(&breaker));
    ended(&breaker, BREAKER_FAILED, 10, 0);
    assert_int_equal(breaker_wait_ms(&breaker, 4999), 1);
    assert_int_equal(breaker_wait_ms(&breaker, 5000), 0);
    assert_true(breaker_start(&breaker));
    assert_int_equal(breaker_wait_ms(&breaker, 5000), INT64_MAX);
    ended(&breaker, BREAKER_WORKED, 50, 5000); // calls of before: they do not close it
    assert_int_equal(breaker.state, BREAKER_PROBING);
    breaker_end(&breaker, true, BREAKER_WORKED, 6000);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    ended(&breaker, BREAKER_FAILED, 9, 6000); // nothing of before counts
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void the_wait_doubles_up_to_five_minutes(void **state)
{
    (void)state;
    struct breaker breaker;
    int64_t now_ms = 0, waits[9];
    breaker_init(&breaker);
    ended(&breaker, BREAKER_FAILED, 10, now_ms);
    for (int i = 0; i < 9; i++) {
        waits[i] = breaker_wait_ms(&breaker, now_ms);
        now_ms += waits[i];
        assert_true(breaker_start(&breaker));
        breaker_end(&breaker, true, BREAKER_FAILED, now_ms);
    }
    const int64_t expected[] = {5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000, 300000};
    assert_memory_equal(waits, expected, sizeof waits);
}

static void a_probe_that_was_given_up_is_followed_by_another(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker);
    ended(&breaker, BREAKER_FAILED, 10, 0);
    assert_true(breaker_start(&breaker));
    breaker_end(&breaker, true, BREAKER_NO_RESULT, 5000);
    assert_int_equal(breaker_wait_ms(&breaker, 5000), 0);
    assert_true(breaker_start(&breaker));
    breaker_end(&breaker, true, BREAKER_FAILED, 6000);
    assert_int_equal(breaker_wait_ms(&breaker, 6000), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_ten_calls_in_a_minute_open_it),
        cmocka_unit_test(what_is_older_than_a_minute_does_not_count),
        cmocka_unit_test(calls_that_say_nothing_do_not_count),
        cmocka_unit_test(one_call_goes_through_as_a_probe),
        cmocka_unit_test(the_wait_doubles_up_to_five_minutes),
        cmocka_unit_test(a_probe_that_was_given_up_is_followed_by_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
