// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>
#include <time.h>

#include "planner/pacific.h"

#define HOUR_MS INT64_C(3600000)

// The C library with the same rule, told to it as text (POSIX TZ), is the oracle.
static int set_zone(void **state)
{
    (void)state;
    setenv("TZ", "PST8PDT,M3.2.0,M11.1.0", 1);
    tzset();
    return 0;
}

static struct tm local_of(int64_t real_ms)
{
    time_t seconds = (time_t)(real_ms / 1000);
    struct tm local;
    assert_non_null(localtime_r(&seconds, &local));
    return local;
}

static void every_hour_of_forty_years_is_in_the_right_day(void **state)
{
    (void)state;
    int64_t from = INT64_C(1167638400000); // 2007-01-01T08:00:00Z, midnight there
    for (int64_t at = from; at < from + 40 * 366 * 24 * HOUR_MS; at += HOUR_MS) {
        struct tm local = local_of(at);
        int64_t next = pacific_next_midnight_ms(at);
        int64_t start = pacific_day_start_ms(pacific_day(at));
        assert_true(start <= at && at < next);
        assert_true(next - start >= 23 * HOUR_MS && next - start <= 25 * HOUR_MS);
        assert_int_equal(local_of(start).tm_hour, 0);
        assert_int_equal(local_of(start).tm_min, 0);
        assert_int_equal(local_of(start).tm_yday, local.tm_yday);
        assert_int_equal(local_of(next).tm_hour, 0);
        assert_int_not_equal(local_of(next).tm_yday, local.tm_yday);
    }
}

static void the_day_turns_with_the_last_millisecond(void **state)
{
    (void)state;
    int64_t midnight = INT64_C(1785654000000); // 2026-08-02T07:00:00Z
    assert_int_equal(pacific_next_midnight_ms(midnight - 1), midnight);
    assert_int_equal(pacific_next_midnight_ms(midnight), midnight + 24 * HOUR_MS);
    assert_int_equal(pacific_day(midnight), pacific_day(midnight - 1) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hour_of_forty_years_is_in_the_right_day),
        cmocka_unit_test(the_day_turns_with_the_last_millisecond),
    };
    return cmocka_run_group_tests(tests, set_zone, NULL);
}
