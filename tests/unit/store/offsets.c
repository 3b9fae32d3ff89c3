// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/mem.h"
#include "store/offsets.h"
#include "support/pg.h"

static struct pg_server *server;

static int start(void **state)
{
    (void)state;
    server = pg_server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_server_stop(server);
    return 0;
}

static struct offsets_row take(struct pg *pg, const char *topic, int32_t partition)
{
    struct offsets_row row;
    struct why why = {0};
    assert_ok(offsets_take(pg, topic, partition, &row, &why), &why);
    return row;
}

static struct offsets_step step_of(const char *topic, int32_t partition,
                                   const struct offsets_row *row, int64_t next)
{
    return (struct offsets_step){topic, partition, row->owner, row->next,
                                 next,  next - 1,  next * 7,   next * 1000};
}

static size_t advance(struct pg *pg, const struct offsets_step *steps, size_t count)
{
    size_t moved = 99;
    struct why why = {0};
    assert_ok(offsets_advance(pg, steps, count, &moved, &why), &why);
    return moved;
}

static void the_first_take_makes_the_row_at_the_beginning(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    bool is_found = true;
    struct offsets_row row;
    struct why why = {0};
    assert_ok(offsets_read(pg, "t", 3, &is_found, &row, &why), &why);
    assert_false(is_found);
    row = take(pg, "t", 3);
    assert_int_equal(row.generation, 1);
    assert_int_equal(row.next, 0);
    assert_int_equal(row.last_applied, OFFSETS_NONE);
    assert_int_equal(strlen(row.owner), 36);
    struct offsets_row again = take(pg, "t", 3);
    assert_string_not_equal(again.owner, row.owner);
    assert_ok(offsets_read(pg, "t", 3, &is_found, &row, &why), &why);
    assert_true(is_found);
    assert_string_equal(again.owner, row.owner);
}

static void a_step_moves_only_from_where_its_owner_stands(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    struct offsets_row row = take(pg, "t", 0);
    struct offsets_step step = step_of("t", 0, &row, 10);
    assert_int_equal(advance(pg, &step, 1), 1);
    assert_int_equal(advance(pg, &step, 1), 0); // sent twice: expected is behind
    struct offsets_row now = take(pg, "t", 0);
    assert_int_equal(now.next, 10);
    assert_int_equal(now.last_applied, 9);
    assert_int_equal(now.last_checksum, 70);
    assert_int_equal(now.last_applied_at_ms, 10000);
    step = step_of("t", 0, &row, 20);
    step.expected = 10;
    assert_int_equal(advance(pg, &step, 1), 0); // the old owner's token
    step.owner = now.owner;
    assert_int_equal(advance(pg, &step, 1), 1);
}

static void control_records_move_the_place_and_keep_the_last_record(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    struct offsets_row row = take(pg, "t", 0);
    struct offsets_step step = step_of("t", 0, &row, 10);
    assert_int_equal(advance(pg, &step, 1), 1);
    step.expected = 10;
    step.next = 11;
    step.last_applied = OFFSETS_NONE;
    assert_int_equal(advance(pg, &step, 1), 1);
    row = take(pg, "t", 0);
    assert_int_equal(row.next, 11);
    assert_int_equal(row.last_applied, 9);
    assert_int_equal(row.last_checksum, 70);
}

static void many_steps_tell_how_many_were_ours(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    struct offsets_row rows[3];
    struct offsets_step steps[3];
    for (int32_t i = 0; i < 3; i++)
        rows[i] = take(pg, i < 2 ? "t" : "u", i);
    IGNORE(take(pg, "t", 1)); // another process: the token in rows[1] is old
    for (int32_t i = 0; i < 3; i++)
        steps[i] = step_of(i < 2 ? "t" : "u", i, &rows[i], 5);
    struct why why = {0};
    assert_ok(pg_begin(pg, &why), &why);
    assert_int_equal(advance(pg, steps, 3), 2);
    pg_rollback(pg);
    assert_int_equal(pg_value(pg, "SELECT sum(next) FROM kafka_offset"), 0);
}

static void a_gap_is_noted_together_with_the_move_over_it(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    struct offsets_row row = take(pg, "t", 0);
    struct why why = {0};
    bool was_moved = false, is_new = false;
    assert_ok(
        offsets_note_gap(pg, "t", 0, &row, OFFSETS_GAP_EXPIRED, 50, &was_moved, &is_new, &why),
        &why);
    assert_true(was_moved);
    assert_int_equal(pg_value(pg, "SELECT next FROM kafka_offset"), 50);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM recorder_gap WHERE topic = 't' AND "
                                  "from_offset = 0 AND to_offset = 50 AND reason = 'expired'"),
                     1);
    // Not ours any more: nothing is written.
    assert_ok(
        offsets_note_gap(pg, "t", 0, &row, OFFSETS_GAP_EXPIRED, 60, &was_moved, &is_new, &why),
        &why);
    assert_false(was_moved);
    row = take(pg, "t", 0);
    assert_ok(
        offsets_note_gap(pg, "t", 0, &row, OFFSETS_GAP_COMPACTED, 0, &was_moved, &is_new, &why),
        &why);
    assert_true(was_moved);
    assert_true(is_new);
    // Started again before anything was applied.
    assert_ok(
        offsets_note_gap(pg, "t", 0, &row, OFFSETS_GAP_COMPACTED, 0, &was_moved, &is_new, &why),
        &why);
    assert_true(was_moved);
    assert_false(is_new);
    assert_int_equal(pg_value(pg, "SELECT next FROM kafka_offset"), 50);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM recorder_gap WHERE to_offset IS NULL"), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM recorder_gap"), 2);
}

static void a_new_generation_starts_again_and_frees_its_partitions_only(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    struct offsets_row mine = take(pg, "again", 0), other = take(pg, "other", 0);
    take(pg, "again", 1);
    struct offsets_step steps[] = {step_of("again", 0, &mine, 10), step_of("other", 0, &other, 20)};
    assert_int_equal(advance(pg, steps, 2), 2);
    size_t changed = 0, count = 0;
    struct why why = {0};
    assert_ok(offsets_new_generation(pg, "again", &changed, &why), &why);
    assert_int_equal(changed, 2);
    CLEANUP(mem_free_p) struct offsets_place *places = NULL;
    assert_ok(offsets_list(pg, "again", &places, &count, &why), &why);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(places[i].partition, i);
        assert_int_equal(places[i].row.generation, 2);
        assert_int_equal(places[i].row.next, 0);
        assert_int_equal(places[i].row.last_applied, OFFSETS_NONE);
        assert_string_equal(places[i].row.owner, "");
    }
    // Who held it before moves nothing any more, not even from the new place.
    mine.next = 0;
    struct offsets_step late = step_of("again", 0, &mine, 5);
    assert_int_equal(advance(pg, &late, 1), 0);
    assert_int_equal(take(pg, "other", 0).next, 20);
    assert_ok(offsets_new_generation(pg, "nobody", &changed, &why), &why);
    assert_int_equal(changed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_take_makes_the_row_at_the_beginning),
        cmocka_unit_test(a_step_moves_only_from_where_its_owner_stands),
        cmocka_unit_test(control_records_move_the_place_and_keep_the_last_record),
        cmocka_unit_test(many_steps_tell_how_many_were_ours),
        cmocka_unit_test(a_gap_is_noted_together_with_the_move_over_it),
        cmocka_unit_test(a_new_generation_starts_again_and_frees_its_partitions_only),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
