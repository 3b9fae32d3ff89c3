// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/compiler.h"
#include "bus/watch.h"

// As a short transaction goes: what is sent, and when (in milliseconds).
struct request {
    int16_t key;
    int64_t at_ms;
};

static void play(struct bus_watch *watch, const struct request *requests, size_t count)
{
    bus_watch_begin(watch);
    bus_watch_call(watch);
    for (size_t i = 0; i < count; i++)
        bus_watch_sent(watch, requests[i].key, requests[i].at_ms * 1000);
}

#define PLAY(watch, ...)                                                                           \
    play(watch, (const struct request[]){__VA_ARGS__},                                             \
         ARRAY_LEN(((const struct request[]){__VA_ARGS__})))

static void a_transaction_without_incident_shows_none(void **state)
{
    (void)state;
    struct bus_watch watch = {0};
    PLAY(&watch, {BUS_KEY_ADD_OFFSETS_TO_TXN, 100}, {BUS_KEY_ADD_PARTITIONS_TO_TXN, 101},
         {BUS_KEY_TXN_OFFSET_COMMIT, 102}, {BUS_KEY_PRODUCE, 102}, {BUS_KEY_END_TXN, 104});
    assert_false(bus_watch_was_sent_twice(&watch));
    assert_false(bus_watch_was_too_early(&watch));
    assert_int_equal(bus_watch_first_us(&watch), 100000);
    bus_watch_begin(&watch);
    assert_int_equal(bus_watch_first_us(&watch), 0);
}

static void a_repeated_end_or_offset_commit_is_seen(void **state)
{
    (void)state;
    static const int16_t keys[] = {BUS_KEY_END_TXN, BUS_KEY_TXN_OFFSET_COMMIT};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct bus_watch watch = {0};
        PLAY(&watch, {keys[i], 1}, {keys[i], 1000});
        assert_true(bus_watch_was_sent_twice(&watch));
        bus_watch_call(&watch);
        bus_watch_sent(&watch, keys[i], 2000000);
        assert_false(bus_watch_was_sent_twice(&watch));
    }
}

static void offsets_that_had_to_be_added_again_came_too_early(void **state)
{
    (void)state;
    struct bus_watch watch = {0};
    PLAY(&watch, {BUS_KEY_ADD_OFFSETS_TO_TXN, 100}, {BUS_KEY_ADD_OFFSETS_TO_TXN, 105});
    assert_true(bus_watch_was_too_early(&watch));
    assert_int_equal(bus_watch_first_us(&watch), 100000);
    // A second call in one transaction is no repetition.
    PLAY(&watch, {BUS_KEY_ADD_OFFSETS_TO_TXN, 100});
    bus_watch_call(&watch);
    bus_watch_sent(&watch, BUS_KEY_ADD_OFFSETS_TO_TXN, 200000);
    assert_false(bus_watch_was_too_early(&watch));
}

static void partitions_that_had_to_be_added_again_came_too_early(void **state)
{
    (void)state;
    struct bus_watch watch = {0};
    PLAY(&watch, {BUS_KEY_ADD_PARTITIONS_TO_TXN, 100}, {BUS_KEY_ADD_PARTITIONS_TO_TXN, 120});
    assert_true(bus_watch_was_too_early(&watch));
    // Further partitions come with the next records.
    PLAY(&watch, {BUS_KEY_ADD_PARTITIONS_TO_TXN, 100}, {BUS_KEY_ADD_PARTITIONS_TO_TXN, 102});
    assert_false(bus_watch_was_too_early(&watch));
    PLAY(&watch, {BUS_KEY_ADD_PARTITIONS_TO_TXN, 100}, {BUS_KEY_PRODUCE, 102},
         {BUS_KEY_ADD_PARTITIONS_TO_TXN, 160});
    assert_false(bus_watch_was_too_early(&watch));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_without_incident_shows_none),
        cmocka_unit_test(a_repeated_end_or_offset_commit_is_seen),
        cmocka_unit_test(offsets_that_had_to_be_added_again_came_too_early),
        cmocka_unit_test(partitions_that_had_to_be_added_again_came_too_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
