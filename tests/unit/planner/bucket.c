// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "planner/bucket.h"

#define MINUTE_MS INT64_C(60000)

// An observer who knows only when how much was taken. In any stretch from one take to another
//   taken <= rate * time + burst,
// which is so for all of them where it is so for the one that has let through the most so far:
// `best` is the smallest of (taken before) - rate * time. And what a minute [t, t + 60 s) has seen.
struct observer {
    int64_t per_minute;
    int64_t taken; // in all
    int64_t best;  // in units times 60,000
    int64_t worst; // the largest burst seen, likewise
    int64_t at_minute, worst_minute;
    struct {
        int64_t at_ms, units;
    } * takes;
    size_t first, count, capacity;
};

static void observe(struct observer *observer, int64_t now_ms, int64_t units)
{
    int64_t before = observer->taken * MINUTE_MS - observer->per_minute * now_ms;
    if (observer->count == 0 || before < observer->best)
        observer->best = before;
    observer->taken += units;
    int64_t burst = before + units * MINUTE_MS - observer->best;
    observer->worst = burst > observer->worst ? burst : observer->worst;
    if (observer->count == observer->capacity) {
        observer->capacity = observer->capacity * 2 + 64;
        observer->takes = mem_grow(observer->takes, observer->capacity, sizeof *observer->takes);
    }
    observer->takes[observer->count].at_ms = now_ms;
    observer->takes[observer->count++].units = units;
    observer->at_minute += units;
    while (observer->takes[observer->first].at_ms <= now_ms - MINUTE_MS)
        observer->at_minute -= observer->takes[observer->first++].units;
    if (observer->at_minute > observer->worst_minute)
        observer->worst_minute = observer->at_minute;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static const int64_t rates[] = {1, 2, 7, 10, 60, 99, 100, 101, 150, 199, 1000, 6000, 60000, 100000};

static void constant_demand_gets_all_of_the_rate_and_no_minute_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct observer observer = {.per_minute = rates[i]};
        struct bucket bucket;
        uint64_t random = 7;
        int64_t now_ms = 12345, end_ms = now_ms + (rates[i] > 1000 ? 20 : 600) * MINUTE_MS;
        bucket_init(&bucket, rates[i], now_ms);
        while (now_ms < end_ms) {
            int64_t wait_ms = bucket_wait_ms(&bucket, 1, now_ms);
            if (wait_ms > 0) {
                now_ms += wait_ms + backoff_draw_ms(&random, 2); // the caller is a little late
                continue;
            }
            bucket_take(&bucket, 1, now_ms);
            observe(&observer, now_ms, 1);
        }
        int64_t minutes = (end_ms - 12345) / MINUTE_MS;
        assert_true(observer.taken * 100 >= rates[i] * minutes * 99);
        assert_true(observer.worst <= larger(MINUTE_MS, rates[i] * BUCKET_BURST_MS));
        assert_true(observer.worst_minute <= rates[i] + rates[i] / 100);
        free(observer.takes);
    }
}

static void random_arrivals_never_see_more_in_any_stretch_of_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct observer observer = {.per_minute = rates[i]};
        struct bucket bucket;
        uint64_t random = 11;
        int64_t now_ms = 0, gap_ms = 3 * MINUTE_MS / rates[i];
        bucket_init(&bucket, rates[i], now_ms);
        for (int arrival = 0; arrival < 20000; arrival++) {
            // Crowds after pauses, which is when a bucket lets through the most.
            bool is_pause = backoff_draw_ms(&random, 50) == 0;
            now_ms += is_pause ? backoff_draw_ms(&random, 3 * MINUTE_MS)
                               : backoff_draw_ms(&random, gap_ms);
            if (bucket_wait_ms(&bucket, 1, now_ms) > 0)
                continue;
            bucket_take(&bucket, 1, now_ms);
            observe(&observer, now_ms, 1);
        }
        assert_true(observer.count > 1000);
        assert_true(observer.worst <= larger(MINUTE_MS, rates[i] * BUCKET_BURST_MS));
        assert_true(observer.worst_minute <= rates[i] + rates[i] / 100);
        free(observer.takes);
    }
}

static void takes_of_many_sizes_keep_the_rate_too(void **state)
{
    (void)state;
    const int64_t per_minute = 250000, smallest = 500, largest = 3000;
    struct observer observer = {.per_minute = per_minute};
    struct bucket bucket;
    uint64_t random = 5;
    int64_t now_ms = 0, minutes = 600;
    bucket_init(&bucket, per_minute, now_ms);
    while (now_ms < minutes * MINUTE_MS) {
        int64_t units = smallest + backoff_draw_ms(&random, largest - smallest);
        now_ms += bucket_wait_ms(&bucket, units, now_ms);
        assert_int_equal(bucket_wait_ms(&bucket, units, now_ms), 0);
        bucket_take(&bucket, units, now_ms);
        observe(&observer, now_ms, units);
    }
    assert_true(observer.taken * 100 >= per_minute * minutes * 99);
    assert_true(observer.worst <= larger(largest * MINUTE_MS, per_minute * BUCKET_BURST_MS));
    assert_true(observer.worst_minute <= per_minute + larger(largest, per_minute / 100));
    free(observer.takes);
}

enum { CALLS = 16 };

struct call {
    int64_t ends_ms; // 0: not running
    int64_t reserved, used;
};

// Estimates that are mostly far too high, as those of answers are: what counts is what was used.
static void what_was_reserved_and_not_used_is_not_lost(void **state)
{
    (void)state;
    const int64_t per_minute = 60000, reserve = 2600;
    struct observer observer = {.per_minute = per_minute};
    struct bucket bucket;
    struct call calls[CALLS] = {0};
    uint64_t random = 3;
    int64_t minutes = 300, slack_most = 0;
    bucket_init(&bucket, per_minute, 0);
    for (int64_t now_ms = 0; now_ms < minutes * MINUTE_MS; now_ms += 5) {
        int64_t slack = 0;
        for (size_t i = 0; i < CALLS; i++) {
            if (calls[i].ends_ms != 0 && calls[i].ends_ms <= now_ms) {
                bucket_settle(&bucket, calls[i].reserved, calls[i].used, now_ms);
                calls[i].ends_ms = 0;
            }
            slack += calls[i].ends_ms == 0 ? 0 : larger(calls[i].reserved - calls[i].used, 0);
        }
        slack_most = larger(slack, slack_most);
        for (size_t i = 0; i < CALLS; i++) {
            if (calls[i].ends_ms != 0 || bucket_wait_ms(&bucket, reserve, now_ms) > 0)
                continue;
            bucket_take(&bucket, reserve, now_ms);
            calls[i] = (struct call){now_ms + 200 + backoff_draw_ms(&random, 1800), reserve,
                                     300 + backoff_draw_ms(&random, 2500)};
            observe(&observer, now_ms, calls[i].used);
        }
    }
    assert_true(observer.taken * 100 >= per_minute * minutes * 99);
    assert_true(observer.taken * 100 <= per_minute * minutes * 101);
    // In a stretch of time: also what calls that ran at its beginning had reserved too much.
    assert_true(observer.worst <= (slack_most + 2 * reserve) * MINUTE_MS);
    free(observer.takes);
}

static void what_is_given_back_is_no_store_for_later(void **state)
{
    (void)state;
    struct bucket bucket;
    bucket_init(&bucket, 6000, 0); // holds 60
    bucket_take(&bucket, 60, 0);
    bucket_settle(&bucket, 1000, 0, 100);
    assert_int_equal(bucket_wait_ms(&bucket, 60, 100), 0);
    for (int i = 0; i < 3; i++) // far more than the bucket holds, in the second after
        bucket_take(&bucket, 60, 1000);
    assert_int_equal(bucket_wait_ms(&bucket, 60, 1000), 0);
    bucket_take(&bucket, 60, 60000); // later: one filling
    assert_int_equal(bucket_wait_ms(&bucket, 60, 60000), 600);
}

static void more_than_was_reserved_is_paid_back(void **state)
{
    (void)state;
    struct bucket bucket;
    bucket_init(&bucket, 6000, 0);
    bucket_take(&bucket, 10, 0);
    bucket_settle(&bucket, 10, 660, 0); // 600 more than there was
    assert_int_equal(bucket_wait_ms(&bucket, 60, 0), 6600);
    assert_int_equal(bucket_wait_ms(&bucket, 60, 6599), 1);
    assert_int_equal(bucket_wait_ms(&bucket, 60, 6600), 0);
}

static void a_take_larger_than_the_bucket_goes_and_is_waited_for(void **state)
{
    (void)state;
    struct bucket bucket;
    bucket_init(&bucket, 60000, 0); // holds 600
    assert_int_equal(bucket_wait_ms(&bucket, 2600, 0), 0);
    bucket_take(&bucket, 2600, 0);
    assert_int_equal(bucket_wait_ms(&bucket, 1, 0), 2001);
    assert_int_equal(bucket_wait_ms(&bucket, 2600, 0), 2600);
    assert_int_equal(bucket_wait_ms(&bucket, 2600, 2600), 0);
}

static void no_limit_never_waits_and_the_longest_pause_overflows_nothing(void **state)
{
    (void)state;
    struct bucket bucket;
    bucket_init(&bucket, 0, 0);
    bucket_take(&bucket, BUCKET_UNITS_MAX, 0);
    assert_int_equal(bucket_wait_ms(&bucket, BUCKET_UNITS_MAX, 0), 0);
    bucket_init(&bucket, BUCKET_UNITS_MAX, 0);
    bucket_take(&bucket, BUCKET_UNITS_MAX, 0);
    assert_true(bucket_wait_ms(&bucket, BUCKET_UNITS_MAX, 1) > 0);
    assert_int_equal(bucket_wait_ms(&bucket, BUCKET_UNITS_MAX, INT64_MAX / 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_demand_gets_all_of_the_rate_and_no_minute_more),
        cmocka_unit_test(random_arrivals_never_see_more_in_any_stretch_of_time),
        cmocka_unit_test(takes_of_many_sizes_keep_the_rate_too),
        cmocka_unit_test(what_was_reserved_and_not_used_is_not_lost),
        cmocka_unit_test(what_is_given_back_is_no_store_for_later),
        cmocka_unit_test(more_than_was_reserved_is_paid_back),
        cmocka_unit_test(a_take_larger_than_the_bucket_goes_and_is_waited_for),
        cmocka_unit_test(no_limit_never_waits_and_the_longest_pause_overflows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
