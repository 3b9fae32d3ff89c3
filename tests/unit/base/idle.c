// SPDX-License-Identifier: MIT
#include "base/idle.h"

#include "support/check.h"

enum { SECOND = 1000 };

static void some_quiet_seconds_behind_work_make_it_due_once(void **state)
{
    (void)state;
    struct idle idle = {0};
    int64_t now_ms = 50000, cpu_ms = 7000;
    int due = 0;
    for (int i = 0; i < 100; i++, now_ms += SECOND, cpu_ms++)
        due += idle_is_due(&idle, now_ms, cpu_ms);
    assert_int_equal(due, 1);
    cpu_ms += 600; // a short piece of work
    for (int i = 0; i < 100; i++, now_ms += SECOND, cpu_ms++)
        due += idle_is_due(&idle, now_ms, cpu_ms);
    assert_int_equal(due, 2);
}

static void low_load_without_end_is_quiet_too(void **state)
{
    (void)state;
    struct idle idle = {0};
    int64_t now_ms = 50000, cpu_ms = 0;
    int due = 0;
    for (int i = 0; i < 100; i++, now_ms += SECOND, cpu_ms += 50)
        due += idle_is_due(&idle, now_ms, cpu_ms);
    assert_in_range(due, 18, 20); // at each fifth look
}

static void a_busy_second_begins_anew(void **state)
{
    (void)state;
    struct idle idle = {0};
    int64_t now_ms = 50000, cpu_ms = 0;
    for (int i = 0; i < 100; i++, now_ms += SECOND) {
        cpu_ms += i % 5 == 4 ? 500 : 0;
        assert_false(idle_is_due(&idle, now_ms, cpu_ms));
    }
    int looks = 1;
    while (!idle_is_due(&idle, now_ms += SECOND, cpu_ms))
        looks++;
    assert_in_range(looks, 4, 5);
}

static void looks_within_a_second_are_none(void **state)
{
    (void)state;
    struct idle idle = {0};
    idle_is_due(&idle, 50000, 0);
    for (int i = 0; i < 999; i++)
        assert_false(idle_is_due(&idle, 50000 + i, 0));
    assert_int_equal(idle.quiet, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_quiet_seconds_behind_work_make_it_due_once),
        cmocka_unit_test(low_load_without_end_is_quiet_too),
        cmocka_unit_test(a_busy_second_begins_anew),
        cmocka_unit_test(looks_within_a_second_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
