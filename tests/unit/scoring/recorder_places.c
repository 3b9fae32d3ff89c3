// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "recorder_places.h"

static const struct recorder_topic topic = {.topic = BUS_TOPIC_PREDICTIONS};

static struct bus_message message_at(int32_t partition, int64_t offset)
{
    return (struct bus_message){.topic = "predictions",
                                .partition = partition,
                                .offset = offset,
                                .timestamp_ms = offset * 10,
                                .key = bytes_from_string("E1"),
                                .value = bytes_from_string("v")};
}

static int64_t checksum_at(int64_t offset)
{
    struct bus_message message = message_at(0, offset);
    return recorder_checksum(message.timestamp_ms, message.key, message.value);
}

// A place whose next offset is 10 and whose last record was at 8.
static struct recorder_place *add_place(struct recorder_places *places, int32_t partition,
                                        bool is_checked)
{
    struct recorder_place *place = recorder_places_add(places, &topic, "predictions", partition);
    place->row = (struct offsets_row){.generation = 1,
                                      .next = 10,
                                      .last_applied = 8,
                                      .last_checksum = checksum_at(8),
                                      .owner = "me"};
    place->is_checked = is_checked;
    return place;
}

static bool look(struct recorder_place *place, int64_t offset)
{
    struct bus_message message = message_at(place->log.partition, offset);
    bool applies = true;
    struct why why = {0};
    assert_ok(recorder_place_look(place, NULL, &message, &applies, &why), &why);
    return applies;
}

static void pass(struct recorder_place *place, int64_t offset)
{
    struct bus_message message = message_at(place->log.partition, offset);
    recorder_place_pass(place, &message);
}

static void a_place_is_found_by_topic_and_partition(void **state)
{
    (void)state;
    CLEANUP(recorder_places_done) struct recorder_places places = {0};
    for (int32_t i = 0; i < 40; i++) {
        IGNORE(add_place(&places, i, true));
        assert_int_equal(recorder_places_find(&places, "predictions", i)->log.partition, i);
    }
    assert_int_equal(recorder_places_find(&places, "predictions", 7)->log.partition, 7);
    assert_null(recorder_places_find(&places, "predictions", 40));
    assert_null(recorder_places_find(&places, "other", 7));
    recorder_places_clear(&places);
    assert_null(recorder_places_find(&places, "predictions", 7));
}

static void the_known_record_is_checked_and_not_applied_again(void **state)
{
    (void)state;
    CLEANUP(recorder_places_done) struct recorder_places places = {0};
    struct recorder_place *place = add_place(&places, 0, false);
    recorder_places_begin(&places);
    assert_false(look(place, 8));
    assert_true(place->is_checked);
    assert_true(look(place, 10));
    pass(place, 10);
    assert_false(look(place, 10)); // behind what this block has applied
    assert_true(look(place, 12));
}

static void another_record_in_its_place_is_another_log(void **state)
{
    (void)state;
    CLEANUP(recorder_places_done) struct recorder_places places = {0};
    struct recorder_place *place = add_place(&places, 0, false);
    recorder_places_begin(&places);
    struct bus_message message = message_at(0, 8);
    message.timestamp_ms++;
    bool applies = true;
    struct why why = {0};
    assert_err(recorder_place_look(place, NULL, &message, &applies, &why), ERR_FATAL, &why);
    assert_string_equal(why.code, "other-record");
}

static void a_block_makes_one_step_for_each_place_that_moved(void **state)
{
    (void)state;
    CLEANUP(recorder_places_done) struct recorder_places places = {0};
    for (int32_t i = 0; i < 3; i++)
        IGNORE(add_place(&places, i, true));
    recorder_places_begin(&places);
    struct why why = {0};
    pass(&places.items[0], 11);
    pass(&places.items[0], 12);
    assert_ok(recorder_place_end(&places.items[0], NULL, 14, &why),
              &why); // behind a control record
    assert_ok(recorder_place_end(&places.items[2], NULL, 15, &why),
              &why); // nothing but control records
    assert_ok(recorder_place_end(&places.items[1], NULL, 10, &why), &why); // known already
    const struct offsets_step *steps = NULL;
    assert_int_equal(recorder_places_steps(&places, &steps), 2);
    assert_int_equal(steps[0].expected, 10);
    assert_int_equal(steps[0].next, 14);
    assert_int_equal(steps[0].last_applied, 12);
    assert_true(steps[0].last_checksum == checksum_at(12));
    assert_int_equal(steps[0].last_applied_at_ms, 120);
    assert_int_equal(steps[1].partition, 2);
    assert_int_equal(steps[1].next, 15);
    assert_int_equal(steps[1].last_applied, OFFSETS_NONE);
    recorder_places_commit(&places);
    assert_int_equal(places.items[0].row.next, 14);
    assert_int_equal(places.items[0].row.last_applied, 12);
    assert_int_equal(places.items[2].row.next, 15);
    assert_int_equal(places.items[2].row.last_applied, 8);
    recorder_places_begin(&places);
    assert_int_equal(recorder_places_steps(&places, &steps), 0);
}

static void a_place_that_is_held_up_goes_no_further_in_this_block(void **state)
{
    (void)state;
    CLEANUP(recorder_places_done) struct recorder_places places = {0};
    struct recorder_place *place = add_place(&places, 0, true);
    recorder_places_begin(&places);
    pass(place, 10);
    place->is_held_up = true;
    assert_false(look(place, 12));
    struct why why = {0};
    assert_ok(recorder_place_end(place, NULL, 20, &why), &why);
    const struct offsets_step *steps = NULL;
    assert_int_equal(recorder_places_steps(&places, &steps), 1);
    assert_int_equal(steps[0].next, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_found_by_topic_and_partition),
        cmocka_unit_test(the_known_record_is_checked_and_not_applied_again),
        cmocka_unit_test(another_record_in_its_place_is_another_log),
        cmocka_unit_test(a_block_makes_one_step_for_each_place_that_moved),
        cmocka_unit_test(a_place_that_is_held_up_goes_no_further_in_this_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
