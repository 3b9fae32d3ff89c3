// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/compiler.h"
#include "planner/retry.h"

enum { DRAWS = 20000 };

static void waits_are_drawn_from_the_whole_of_a_doubling_step(void **state)
{
    (void)state;
    const int64_t steps[] = {1000, 2000, 4000};
    int64_t least[] = {INT64_MAX, INT64_MAX, INT64_MAX}, most[3] = {0}, sum[3] = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct retry retry;
        int64_t now_ms = 500, at_ms = 0;
        retry_init(&retry, seed, now_ms);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            assert_true(retry_next(&retry, 0, now_ms, &at_ms));
            int64_t wait_ms = at_ms - now_ms;
            least[i] = wait_ms < least[i] ? wait_ms : least[i];
            most[i] = wait_ms > most[i] ? wait_ms : most[i];
            sum[i] += wait_ms;
            now_ms = at_ms;
        }
        assert_false(retry_next(&retry, 0, now_ms, &at_ms)); // the fourth try was the last
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_true(least[i] >= 0 && least[i] <= steps[i] / 100);
        assert_true(most[i] <= steps[i] && most[i] >= steps[i] - steps[i] / 100);
        assert_near((double)sum[i] / DRAWS, (double)steps[i] / 2, (double)steps[i] / 50);
    }
}

static void a_delay_of_the_server_is_never_undercut(void **state)
{
    (void)state;
    int64_t most_ms = 0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct retry retry;
        int64_t at_ms = 0;
        retry_init(&retry, seed, 0);
        assert_true(retry_next(&retry, 2838, 1000, &at_ms));
        assert_true(at_ms >= 3838 && at_ms <= 3838 + 567);
        most_ms = at_ms > most_ms ? at_ms : most_ms;
    }
    assert_true(most_ms > 3838 + 500);
}

static void a_minute_in_all_is_the_end(void **state)
{
    (void)state;
    struct retry retry;
    int64_t at_ms = 77;
    retry_init(&retry, 1, 0);
    assert_false(retry_next(&retry, 0, 60001, &at_ms)); // the first try took so long
    retry_init(&retry, 1, 0);
    assert_false(retry_next(&retry, 50001, 10000, &at_ms));
    retry_init(&retry, 1, 0);
    assert_false(retry_next(&retry, INT64_MAX, 10, &at_ms));
    assert_int_equal(at_ms, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_drawn_from_the_whole_of_a_doubling_step),
        cmocka_unit_test(a_delay_of_the_server_is_never_undercut),
        cmocka_unit_test(a_minute_in_all_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
