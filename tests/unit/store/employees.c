// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/employees.h"
#include "support/pg.h"

static struct pg_server *server;
static struct pg *pg;
static struct features *features;
static struct employees_writer *writer;

static int start(void **state)
{
    (void)state;
    server = pg_server_start();
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    features_free(features);
    pg_server_stop(server);
    return 0;
}

static int open_database(void **state)
{
    (void)state;
    pg = pg_server_migrated(server);
    struct why why = {0};
    assert_ok(employees_writer_new(features, &writer, &why), &why);
    return 0;
}

static int close_database(void **state)
{
    (void)state;
    pg_close(TAKE(pg));
    employees_writer_free(TAKE(writer));
    return 0;
}

// All attributes null but Age and BusinessTravel.
static const struct value *attributes(int64_t age, const char *travel)
{
    static struct value rows[16][256];
    static size_t turn;
    struct value *row = rows[turn++ % 16];
    memset(row, 0, sizeof rows[0]);
    row[0] = (struct value){.kind = VALUE_INTEGER, .integer = age};
    row[1] = (struct value){.kind = VALUE_TEXT, .text = bytes_from_string(travel)};
    return row;
}

static struct employees_record record(const char *id, enum change change, int64_t event_time_ms,
                                      int64_t offset, int64_t age)
{
    return (struct employees_record){
        .change = {.event_id = bytes_from_string("e"),
                   .employee_id = bytes_from_string(id),
                   .event_time_ms = event_time_ms,
                   .change = change,
                   .source = bytes_from_string("test"),
                   .attributes = attributes(age, "Travel Rarely")},
        .key = {.event_time_ms = event_time_ms,
                .topic_rank = TOPIC_RANK_EMPLOYEE_CHANGES,
                .generation = 1,
                .offset = offset},
    };
}

static size_t store(const struct employees_record *records, size_t count)
{
    struct why why = {0};
    size_t changed = 99;
    assert_ok(employees_prepare(writer, pg, &why), &why);
    assert_ok(pg_begin(pg, &why), &why);
    assert_ok(employees_store(writer, pg, records, count, &changed, &why), &why);
    assert_ok(pg_commit(pg, &why), &why);
    return changed;
}

static void a_row_holds_what_the_event_said(void **state)
{
    (void)state;
    struct employees_record one = record("E1", CHANGE_CREATED, 1700000000123, 7, 41);
    one.change.requested_by = bytes_from_string("u1");
    assert_int_equal(store(&one, 1), 1);
    assert_int_equal(
        pg_value(pg, "SELECT count(*) FROM employee WHERE employee_id = 'E1' AND event_id = 'e' "
                     "AND event_time = 'epoch'::timestamptz + 1700000000123 * interval '1 ms' "
                     "AND change = 'created' AND source = 'test' AND requested_by = 'u1' "
                     "AND topic_rank = 2 AND generation = 1 AND source_partition = 0 "
                     "AND source_offset = 7 AND left_at IS NULL AND age = 41 "
                     "AND business_travel = 'Travel_Rarely' AND monthly_income IS NULL"),
        1); // an alias is stored under its category's name
    one.change.attributes = attributes(41, "By_Balloon");
    one.key.offset = 8;
    assert_int_equal(store(&one, 1), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM employee WHERE "
                                  "business_travel = 'By_Balloon' AND requested_by = 'u1'"),
                     1);
}

static void only_a_newer_event_changes_a_row(void **state)
{
    (void)state;
    const struct employees_record batch[] = {
        record("E2", CHANGE_UPDATED, 50, 3, 22),
        record("E1", CHANGE_UPDATED, 30, 1, 30),
        record("E1", CHANGE_UPDATED, 20, 2, 20), // older, though it came later
        record("E1", CHANGE_UPDATED, 30, 4, 34),
    };
    assert_int_equal(store(batch, 4), 2);
    assert_int_equal(pg_value(pg, "SELECT age FROM employee WHERE employee_id = 'E1'"), 34);
    assert_int_equal(store(batch, 4), 0); // a replay
    const struct employees_record older = record("E1", CHANGE_LEFT, 29, 9, 29);
    assert_int_equal(store(&older, 1), 0);
    assert_int_equal(pg_value(pg, "SELECT age FROM employee WHERE employee_id = 'E1'"), 34);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM employee"), 2);
}

static void after_a_departure_only_a_later_created_counts_also_within_a_batch(void **state)
{
    (void)state;
    const struct employees_record left = record("E1", CHANGE_LEFT, 100, 1, 50);
    assert_int_equal(store(&left, 1), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM employee WHERE left_at = event_time"), 1);
    // The update is void for good, although the one who came back is older than it.
    const struct employees_record batch[] = {
        record("E1", CHANGE_UPDATED, 130, 2, 51),
        record("E1", CHANGE_CREATED, 120, 3, 52),
    };
    assert_int_equal(store(batch, 1), 0);
    assert_int_equal(store(batch, 2), 1);
    assert_int_equal(pg_value(pg, "SELECT age FROM employee WHERE left_at IS NULL"), 52);
    const struct employees_record erased = record("E1", CHANGE_ERASED, 140, 4, 53);
    assert_int_equal(store(&erased, 1), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM employee WHERE left_at IS NOT NULL"), 1);
}

static void another_features_file_brings_its_own_columns(void **state)
{
    (void)state;
    static const char json[] =
        "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":["
        "{\"name\":\"BadgeColour\",\"type\":\"category\",\"role\":\"input\",\"categories\":"
        "[{\"name\":\"Red\"},{\"name\":\"Blue\"}]},"
        "{\"name\":\"CommuteHours\",\"type\":\"real\",\"role\":\"input\",\"min\":0,\"max\":9},"
        "{\"name\":\"Order\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":9}]}";
    struct why why = {0};
    CLEANUP(features_free_p) struct features *other = NULL;
    assert_ok(features_parse(bytes_from_string(json), &other, &why), &why);
    CLEANUP(employees_writer_free_p) struct employees_writer *other_writer = NULL;
    assert_ok(employees_writer_new(other, &other_writer, &why), &why);
    const struct value values[] = {
        {.kind = VALUE_TEXT, .text = bytes_from_string("Blue")},
        {.kind = VALUE_REAL, .real = 1.25},
        {.kind = VALUE_REAL, .real = 3}, // a writer whose schema says double
    };
    struct employees_record one = record("E1", CHANGE_UPDATED, 1, 1, 0);
    one.change.attributes = values;
    size_t changed = 0;
    assert_ok(employees_prepare(other_writer, pg, &why), &why);
    assert_err(employees_store(other_writer, pg, &one, 1, &changed, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "retentionctl migrate"));

    size_t added = 0;
    assert_ok(employees_add_columns(other, pg, &added, &why), &why);
    assert_int_equal(added, 3);
    assert_ok(employees_add_columns(other, pg, &added, &why), &why);
    assert_int_equal(added, 0);
    pg_must(pg, "DROP TABLE incoming_employee; DISCARD TEMP");
    CLEANUP(employees_writer_free_p) struct employees_writer *fresh = NULL;
    assert_ok(employees_writer_new(other, &fresh, &why), &why);
    assert_ok(employees_prepare(fresh, pg, &why), &why);
    assert_ok(pg_begin(pg, &why), &why); // the rows of incoming_employee live that long
    assert_ok(employees_store(fresh, pg, &one, 1, &changed, &why), &why);
    assert_ok(pg_commit(pg, &why), &why);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM employee WHERE badge_colour = 'Blue' AND "
                                  "commute_hours = 1.25 AND \"order\" = 3 AND age IS NULL"),
                     1);
}

static void a_column_that_is_none_never_gets_into_a_statement(void **state)
{
    (void)state;
    static const char *const names[] = {"", "a b", "a\"", "1a", "A", "a-b", "\xc3\xa9", "_a"};
    char name[] = "X";
    struct attribute attribute = {.name = name, .type = ATTRIBUTE_INTEGER, .max = 1};
    struct features bad = {.attributes = &attribute, .count = 1};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char column[16];
        snprintf(column, sizeof column, "%s", names[i]);
        attribute.column = column;
        struct employees_writer *none = NULL;
        struct why why = {0};
        size_t added = 0;
        assert_err(employees_writer_new(&bad, &none, &why), ERR_FATAL, &why);
        assert_err(employees_add_columns(&bad, pg, &added, &why), ERR_FATAL, &why);
    }
    char good[] = "a";
    attribute.column = good;
    attribute.max = 4e9;
    struct employees_writer *none = NULL;
    struct why why = {0};
    assert_err(employees_writer_new(&bad, &none, &why), ERR_FATAL, &why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_holds_what_the_event_said, open_database,
                                        close_database),
        cmocka_unit_test_setup_teardown(only_a_newer_event_changes_a_row, open_database,
                                        close_database),
        cmocka_unit_test_setup_teardown(
            after_a_departure_only_a_later_created_counts_also_within_a_batch, open_database,
            close_database),
        cmocka_unit_test_setup_teardown(another_features_file_brings_its_own_columns, open_database,
                                        close_database),
        cmocka_unit_test_setup_teardown(a_column_that_is_none_never_gets_into_a_statement,
                                        open_database, close_database),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
