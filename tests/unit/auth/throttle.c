// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "auth/throttle.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define START  INT64_C(1790000000000)

// The row after `count` failures, each as soon as it is looked at; *now moves on.
static struct auth_throttle after(enum auth_throttle_scope scope, int count, int64_t *now)
{
    struct auth_throttle row = {0};
    for (int i = 0; i < count; i++) {
        *now += auth_throttle_wait_ms(&row, *now);
        row = auth_throttle_failed(scope, &row, *now);
    }
    return row;
}

static void a_few_typing_errors_cost_nothing(void **state)
{
    (void)state;
    const struct auth_throttle none = {0};
    assert_int_equal(auth_throttle_wait_ms(&none, START), 0);
    int64_t now = START;
    struct auth_throttle row = after(AUTH_THROTTLE_ACCOUNT, 4, &now);
    assert_int_equal(now, START);
    assert_int_equal(auth_throttle_wait_ms(&row, now), 0);
    row = after(AUTH_THROTTLE_ADDRESS, 20, &now);
    assert_int_equal(auth_throttle_wait_ms(&row, now), 0);
}

static void each_further_failure_doubles_the_wait_up_to_15_minutes(void **state)
{
    (void)state;
    static const int free[AUTH_THROTTLE_SCOPES] = {4, 20, 4};
    for (int scope = 0; scope < AUTH_THROTTLE_SCOPES; scope++)
        for (int failures = 0; failures < 40; failures++) {
            // All at once, as from many hosts: time forgets none of them.
            struct auth_throttle row = {0};
            for (int i = 0; i < failures; i++)
                row = auth_throttle_failed((enum auth_throttle_scope)scope, &row, START);
            int over = failures - free[scope];
            int64_t wanted = over <= 0 ? 0 : over > 10 ? 15 * MINUTE : SECOND << (over - 1);
            assert_int_equal(auth_throttle_wait_ms(&row, START), wanted);
        }
}

static void a_wait_goes_by_and_asking_makes_it_no_longer(void **state)
{
    (void)state;
    int64_t now = START;
    struct auth_throttle row = after(AUTH_THROTTLE_ACCOUNT, 12, &now);
    int64_t wait = auth_throttle_wait_ms(&row, now);
    assert_int_equal(wait, 128 * SECOND);
    for (int64_t later = 0; later <= wait; later += SECOND)
        assert_int_equal(auth_throttle_wait_ms(&row, now + later), wait - later);
    assert_int_equal(auth_throttle_wait_ms(&row, now + wait + 1), 0);
}

static void failures_are_forgotten_one_by_one(void **state)
{
    (void)state;
    int64_t now = START;
    struct auth_throttle row = after(AUTH_THROTTLE_ACCOUNT, 10, &now);
    assert_int_equal(auth_throttle_counting(AUTH_THROTTLE_ACCOUNT, &row, now), 10);
    assert_int_equal(auth_throttle_counting(AUTH_THROTTLE_ACCOUNT, &row, now + 15 * MINUTE - 1),
                     10);
    for (int i = 1; i <= 12; i++)
        assert_int_equal(auth_throttle_counting(AUTH_THROTTLE_ACCOUNT, &row, now + i * 15 * MINUTE),
                         i < 10 ? 10 - i : 0);
    // After two quarters of an hour eight count: one more waits as the ninth.
    row = auth_throttle_failed(AUTH_THROTTLE_ACCOUNT, &row, now + 30 * MINUTE);
    assert_int_equal(row.failures, 9);
    assert_int_equal(auth_throttle_wait_ms(&row, now + 30 * MINUTE), 16 * SECOND);
}

// S9: however long somebody guesses, each time as soon as they may.
static void guesses_for_ever_are_few_and_leave_no_lock_behind(void **state)
{
    (void)state;
    static const int per_day[AUTH_THROTTLE_SCOPES] = {100, 300, 100};
    for (int i = 0; i < AUTH_THROTTLE_SCOPES; i++) {
        enum auth_throttle_scope scope = (enum auth_throttle_scope)i;
        struct auth_throttle row = {0};
        int64_t now = START;
        int guesses = 0, in_last_day = 0;
        while (now < START + 30 * 24 * HOUR) {
            row = auth_throttle_failed(scope, &row, now);
            guesses++;
            in_last_day += now >= START + 29 * 24 * HOUR ? 1 : 0;
            int64_t wait = auth_throttle_wait_ms(&row, now);
            assert_true(wait <= 15 * MINUTE);
            // Without a wait they guess once a second: in the long run as often as one is
            // forgotten.
            now += wait > 0 ? wait : SECOND;
        }
        assert_true(in_last_day <= per_day[i]);
        assert_true(guesses <= 31 * per_day[i]);
        // The owner comes 15 minutes after the last guess, and after some hours nothing counts.
        assert_int_equal(auth_throttle_wait_ms(&row, now + 15 * MINUTE), 0);
        assert_int_equal(auth_throttle_counting(scope, &row, now + 4 * HOUR), 0);
    }
}

static void a_million_failures_are_forgotten_as_fast_as_fifteen(void **state)
{
    (void)state;
    struct auth_throttle row = {0};
    for (int i = 0; i < 1000000; i++)
        row = auth_throttle_failed(AUTH_THROTTLE_ACCOUNT, &row, START);
    assert_int_equal(row.failures, 15);
    assert_int_equal(auth_throttle_wait_ms(&row, START), 15 * MINUTE);
    assert_int_equal(auth_throttle_counting(AUTH_THROTTLE_ACCOUNT, &row, START + 4 * HOUR), 0);
}

static void success_clears_an_account_but_an_address_step_by_step(void **state)
{
    (void)state;
    int64_t now = START;
    struct auth_throttle row = after(AUTH_THROTTLE_ACCOUNT, 8, &now);
    row = auth_throttle_worked(AUTH_THROTTLE_ACCOUNT, &row, now);
    assert_int_equal(row.failures, 0);
    assert_int_equal(auth_throttle_wait_ms(&row, now), 0);

    now = START;
    row = after(AUTH_THROTTLE_ADDRESS, 25, &now);
    assert_int_equal(auth_throttle_wait_ms(&row, now), 16 * SECOND);
    row = auth_throttle_worked(AUTH_THROTTLE_ADDRESS, &row, now);
    assert_int_equal(row.failures, 24);
    assert_int_equal(auth_throttle_wait_ms(&row, now), 0);
    // Somebody's own account between two guesses gains one failure for each login, no more.
    row = auth_throttle_failed(AUTH_THROTTLE_ADDRESS, &row, now);
    assert_int_equal(auth_throttle_wait_ms(&row, now), 16 * SECOND);
    const struct auth_throttle none = {0};
    row = auth_throttle_worked(AUTH_THROTTLE_ADDRESS, &none, now);
    assert_int_equal(row.failures, 0);
    // What was forgotten before a success is not forgotten again after it: 12 minutes, then 15.
    row = after(AUTH_THROTTLE_ADDRESS, 10, &now);
    row = auth_throttle_worked(AUTH_THROTTLE_ADDRESS, &row, now + 12 * MINUTE);
    assert_int_equal(auth_throttle_counting(AUTH_THROTTLE_ADDRESS, &row, now + 12 * MINUTE), 7);
    assert_int_equal(auth_throttle_counting(AUTH_THROTTLE_ADDRESS, &row, now + 15 * MINUTE), 6);
}

static void a_clock_that_was_set_back_locks_nobody_out(void **state)
{
    (void)state;
    int64_t now = START;
    struct auth_throttle row = after(AUTH_THROTTLE_ACCOUNT, 30, &now);
    assert_true(auth_throttle_wait_ms(&row, now - 365 * 24 * HOUR) <= 15 * MINUTE);
    struct auth_throttle next = auth_throttle_failed(AUTH_THROTTLE_ACCOUNT, &row, now - HOUR);
    assert_int_equal(auth_throttle_wait_ms(&next, now - HOUR), 15 * MINUTE);
    assert_int_equal(auth_throttle_wait_ms(&next, now - HOUR + 15 * MINUTE), 0);
}

static void rows_of_a_table_that_make_no_sense_do_no_harm(void **state)
{
    (void)state;
    static const struct auth_throttle odd[] = {
        {.failures = -5, .last_failure_ms = START},
        {.failures = INT32_MAX, .last_failure_ms = START, .blocked_until_ms = INT64_MAX / 2},
        {.failures = 3, .last_failure_ms = -START},
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        assert_in_range(auth_throttle_wait_ms(&odd[i], START), 0, 15 * MINUTE);
        struct auth_throttle row = auth_throttle_failed(AUTH_THROTTLE_ACCOUNT, &odd[i], START);
        assert_in_range(auth_throttle_wait_ms(&row, START), 0, 15 * MINUTE);
        assert_true(row.failures > 0);
    }
}

static void an_address_counts_as_its_customer(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"127.0.0.1", "127.0.0.1"},
        {"203.0.113.7", "203.0.113.7"},
        {"::ffff:203.0.113.7", "203.0.113.7"},
        {"::FFFF:cb00:7107", "203.0.113.7"},
        {"::1", "::/64"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"},
        {"2001:DB8:1:2::9", "2001:db8:1:2::/64"},
        {"2001:db8:1:3::9", "2001:db8:1:3::/64"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char subject[AUTH_THROTTLE_SUBJECT_MAX];
        assert_true(auth_throttle_address(pairs[i][0], subject));
        assert_string_equal(subject, pairs[i][1]);
    }
    static const char *const none[] = {"",       "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4 ",
                                       "::1%lo", "01.2.3.4",  "[::1]", "1.2.3.4:80"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_false(auth_throttle_address(none[i], (char[AUTH_THROTTLE_SUBJECT_MAX]){0}));
}

static void scopes_have_the_names_of_the_table(void **state)
{
    (void)state;
    assert_string_equal(auth_throttle_scope_name(AUTH_THROTTLE_ACCOUNT), "account");
    assert_string_equal(auth_throttle_scope_name(AUTH_THROTTLE_ADDRESS), "address");
    assert_string_equal(auth_throttle_scope_name(AUTH_THROTTLE_PAIR), "pair");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_typing_errors_cost_nothing),
        cmocka_unit_test(each_further_failure_doubles_the_wait_up_to_15_minutes),
        cmocka_unit_test(a_wait_goes_by_and_asking_makes_it_no_longer),
        cmocka_unit_test(failures_are_forgotten_one_by_one),
        cmocka_unit_test(guesses_for_ever_are_few_and_leave_no_lock_behind),
        cmocka_unit_test(a_million_failures_are_forgotten_as_fast_as_fifteen),
        cmocka_unit_test(success_clears_an_account_but_an_address_step_by_step),
        cmocka_unit_test(a_clock_that_was_set_back_locks_nobody_out),
        cmocka_unit_test(rows_of_a_table_that_make_no_sense_do_no_harm),
        cmocka_unit_test(an_address_counts_as_its_customer),
        cmocka_unit_test(scopes_have_the_names_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
