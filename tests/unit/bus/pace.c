// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "bus/pace.h"

// A broker that needs so long to end a transaction, and a worker whose next one begins right behind
// its pause: how many of `rounds` came too early.
static int play(struct bus_pace *pace, int64_t (*needs_us)(int round), int rounds)
{
    int64_t now_us = 1;
    int too_early = 0;
    for (int i = 0; i < rounds; i++) {
        bus_pace_end(pace, now_us);
        int64_t sent_us = now_us + bus_pace_left_us(pace, now_us);
        bool was_too_early = sent_us < now_us + needs_us(i);
        bus_pace_learn(pace, sent_us, was_too_early);
        too_early += was_too_early;
        now_us = sent_us + 5000;
    }
    return too_early;
}

static int64_t a_millisecond(int round)
{
    (void)round;
    return 1000;
}

static int64_t six_milliseconds(int round)
{
    (void)round;
    return 6000;
}

static int64_t mostly_short(int round)
{
    return round % 1000 == 999 ? 12000 : 800 + round * 7919 % 700;
}

static int64_t much_too_long(int round)
{
    (void)round;
    return 50000;
}

static void the_pause_comes_down_to_what_the_broker_needs(void **state)
{
    (void)state;
    struct bus_pace pace;
    bus_pace_init(&pace);
    assert_int_equal(play(&pace, a_millisecond, 500), 0);
    assert_true(pace.pause_us < BUS_PACE_FIRST_US);
    int too_early = play(&pace, a_millisecond, 20000);
    assert_in_range(too_early, 20, 70); // about one in 400
    assert_in_range(pace.pause_us, 1000, 1700);
}

static void a_slower_broker_is_followed_within_a_few_transactions(void **state)
{
    (void)state;
    struct bus_pace pace;
    bus_pace_init(&pace);
    int too_early = play(&pace, six_milliseconds, 10);
    assert_in_range(too_early, 1, 4);
    assert_true(pace.pause_us >= 6000);
}

static void rare_long_ends_cost_little_pause(void **state)
{
    (void)state;
    struct bus_pace pace;
    bus_pace_init(&pace);
    int64_t sum_us = 0;
    int too_early = 0;
    for (int i = 0; i < 20000; i++) {
        bus_pace_end(&pace, 1);
        int64_t left_us = bus_pace_left_us(&pace, 1);
        bool was_too_early = left_us < mostly_short(i);
        bus_pace_learn(&pace, 1 + left_us, was_too_early);
        too_early += was_too_early;
        sum_us += left_us;
    }
    assert_in_range(too_early, 20, 150);
    assert_true(sum_us / 20000 < 3000);
}

static void there_is_a_most_where_waiting_longer_than_the_client_does_is_no_use(void **state)
{
    (void)state;
    struct bus_pace pace;
    bus_pace_init(&pace);
    assert_int_equal(play(&pace, much_too_long, 100), 100);
    assert_int_equal(pace.pause_us, BUS_PACE_MOST_US);
    assert_true(bus_pace_left_us(&pace, 0) <= BUS_PACE_MOST_US);
}

static void what_came_long_after_the_pause_teaches_nothing(void **state)
{
    (void)state;
    struct bus_pace pace;
    bus_pace_init(&pace);
    for (int i = 0; i < 1000; i++) {
        bus_pace_end(&pace, 1);
        assert_int_equal(bus_pace_left_us(&pace, 1000000), 0);
        bus_pace_learn(&pace, 1000000, false);
    }
    assert_int_equal(pace.pause_us, BUS_PACE_FIRST_US);
}

static void before_the_first_commit_there_is_nothing_to_wait_for(void **state)
{
    (void)state;
    struct bus_pace pace;
    bus_pace_init(&pace);
    assert_int_equal(bus_pace_left_us(&pace, 12345), 0);
    bus_pace_learn(&pace, 12345, true); // an earlier process's transaction
    assert_int_equal(pace.pause_us, BUS_PACE_FIRST_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pause_comes_down_to_what_the_broker_needs),
        cmocka_unit_test(a_slower_broker_is_followed_within_a_few_transactions),
        cmocka_unit_test(rare_long_ends_cost_little_pause),
        cmocka_unit_test(there_is_a_most_where_waiting_longer_than_the_client_does_is_no_use),
        cmocka_unit_test(what_came_long_after_the_pause_teaches_nothing),
        cmocka_unit_test(before_the_first_commit_there_is_nothing_to_wait_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
