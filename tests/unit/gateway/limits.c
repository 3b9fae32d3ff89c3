// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "limits.h"

static bool take(struct limits *limits, const char *user, int64_t now_ms, struct limits_left *left)
{
    return limits_take(limits, bytes_from_string(user), now_ms, left);
}

static void a_window_has_so_many_requests_and_then_ends(void **state)
{
    (void)state;
    struct limits *limits = limits_new(3);
    struct limits_left left;
    assert_true(take(limits, "1", 1000, &left));
    assert_int_equal(left.requests, 2);
    assert_int_equal(left.wait_s, 60);
    assert_true(take(limits, "1", 2000, &left));
    assert_true(take(limits, "1", 60999, &left));
    assert_int_equal(left.requests, 0);
    assert_false(take(limits, "1", 60999, &left));
    assert_int_equal(left.wait_s, 1);
    assert_int_equal(left.requests, 0);
    // It begins anew with the first request behind it.
    assert_true(take(limits, "1", 61000, &left));
    assert_int_equal(left.requests, 2);
    limits_free(limits);
}

static void users_do_not_share_what_they_have(void **state)
{
    (void)state;
    struct limits *limits = limits_new(1);
    struct limits_left left;
    assert_true(take(limits, "1", 0, &left));
    assert_true(take(limits, "2", 0, &left));
    assert_false(take(limits, "1", 0, &left));
    assert_false(take(limits, "2", 0, &left));
    limits_free(limits);
    limits_free(NULL);
}

static void users_who_are_quiet_are_forgotten(void **state)
{
    (void)state;
    struct limits *limits = limits_new(1);
    struct limits_left left;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 20000; i++) {
            char user[24];
            snprintf(user, sizeof user, "%d", round * 20000 + i);
            assert_true(take(limits, user, round * INT64_C(120000), &left));
        }
    assert_in_range(limits_users(limits), 20000, 20100);
    limits_free(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_has_so_many_requests_and_then_ends),
        cmocka_unit_test(users_do_not_share_what_they_have),
        cmocka_unit_test(users_who_are_quiet_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
