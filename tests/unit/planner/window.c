// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/backoff.h"
#include "planner/window.h"

static void a_minute_later_what_happened_is_forgotten(void **state)
{
    (void)state;
    struct window window = {0};
    window_add(&window, 0, 1999);
    window_add(&window, 0, 2000);
    window_add(&window, 1, 2000);
    assert_int_equal(window_count(&window, 0, 2000), 2);
    assert_int_equal(window_count(&window, 1, 2000), 1);
    assert_int_equal(window_count(&window, 0, 60999), 2);
    assert_int_equal(window_count(&window, 0, 61000), 1);
    assert_int_equal(window_count(&window, 0, 62000), 0);
    assert_int_equal(window_count(&window, 1, 62000), 0);
}

static void any_run_of_events_is_counted_by_the_second(void **state)
{
    (void)state;
    enum { SECONDS = 5000 };
    static int64_t seen[SECONDS];
    struct window window = {0};
    uint64_t random = 17;
    int64_t now_ms = 0;
    while ((now_ms += backoff_draw_ms(&random, 900)) < SECONDS * INT64_C(1000)) {
        now_ms += backoff_draw_ms(&random, 400) == 0 ? backoff_draw_ms(&random, 200000) : 0;
        if (now_ms >= SECONDS * INT64_C(1000))
            break;
        window_add(&window, 1, now_ms);
        seen[now_ms / 1000]++;
        int64_t expected = 0;
        for (int64_t s = now_ms / 1000; s >= 0 && s > now_ms / 1000 - WINDOW_SECONDS; s--)
            expected += seen[s];
        assert_int_equal(window_count(&window, 1, now_ms), expected);
        assert_int_equal(window_count(&window, 0, now_ms), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_later_what_happened_is_forgotten),
        cmocka_unit_test(any_run_of_events_is_counted_by_the_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
