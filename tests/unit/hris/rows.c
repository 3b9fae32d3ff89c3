// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "rows.h"

static const char features_json[] =
    "{\"format\": \"employee-features\", \"format_version\": 1, \"attributes\": ["
    "{\"name\": \"Age\", \"type\": \"integer\", \"role\": \"audit\", \"min\": 14, \"max\": 100},"
    "{\"name\": \"Rate\", \"type\": \"real\", \"role\": \"input\", \"min\": 0, \"max\": 1000},"
    "{\"name\": \"Role\", \"type\": \"category\", \"role\": \"input\", \"categories\": ["
    "{\"name\": \"Sales Executive\", \"aliases\": [\"Sales_Executive\"]}, {\"name\": \"Manager\"}]}"
    "]}";

static const struct csv_options options = {
    .row_bytes_max = 4096, .field_bytes_max = 1024, .columns_max = 16};
static const struct rows_origin origin = {"hr-export", "00ff", 1700000000000, CHANGE_UPDATED};

// A file of a header and one row, read up to the row.
struct sheet {
    struct features *features;
    struct csv *csv;
    struct rows *rows;
    struct csv_row row;
    struct text ignored, missing;
    struct employee_change change;
};

static enum csv_step next_row(struct csv *csv, struct csv_row *ret)
{
    enum csv_step step = csv_next(csv, ret);
    for (size_t len = 0; step == CSV_MORE; step = csv_next(csv, ret)) {
        csv_room(csv, &len);
        csv_filled(csv, 0);
    }
    return step;
}

static enum err open_sheet(struct sheet *sheet, const char *in, const char *id_column,
                           struct why *why)
{
    *sheet = (struct sheet){.ignored = TEXT_INIT(200), .missing = TEXT_INIT(200)};
    assert_ok(features_parse(bytes_from_string(features_json), &sheet->features, why), why);
    sheet->csv = csv_new(&options);
    size_t room = 0;
    memcpy(csv_room(sheet->csv, &room), in, strlen(in));
    csv_filled(sheet->csv, strlen(in));
    assert_int_equal(next_row(sheet->csv, &sheet->row), CSV_ROW);
    return rows_new(sheet->features, &sheet->row, id_column, false, &sheet->rows, &sheet->ignored,
                    &sheet->missing, why);
}

static void close_sheet(struct sheet *sheet)
{
    rows_free(sheet->rows);
    csv_free(sheet->csv);
    features_free(sheet->features);
    text_done(&sheet->ignored);
    text_done(&sheet->missing);
}

static enum err read_row(struct sheet *sheet, struct why *why)
{
    assert_int_equal(next_row(sheet->csv, &sheet->row), CSV_ROW);
    char prefix[ROWS_EVENT_PREFIX];
    rows_event_prefix(&origin, prefix);
    return rows_event(sheet->rows, sheet->csv, &sheet->row, 7, &origin, prefix, &sheet->change,
                      why);
}

static void a_row_becomes_the_state_of_its_employee(void **state)
{
    (void)state;
    struct sheet sheet;
    struct why why = {0};
    assert_ok(open_sheet(&sheet, "Id,Rate,Role,Age\n17,12.5,Sales_Executive,41\n", "Id", &why),
              &why);
    assert_ok(read_row(&sheet, &why), &why);
    const struct employee_change *change = &sheet.change;
    assert_true(bytes_equal_string(change->employee_id, "17"));
    assert_true(bytes_equal_string(change->source, "hr-export"));
    assert_null(change->requested_by.data);
    assert_int_equal(change->event_time_ms, 1700000000000);
    assert_int_equal(change->change, CHANGE_UPDATED);
    assert_int_equal(change->attributes[0].kind, VALUE_INTEGER);
    assert_int_equal(change->attributes[0].integer, 41);
    assert_int_equal(change->attributes[1].kind, VALUE_REAL);
    assert_near(change->attributes[1].real, 12.5, 0);
    assert_true(bytes_equal_string(change->attributes[2].text, "Sales Executive"));
    close_sheet(&sheet);
}

static void an_empty_field_and_a_missing_column_are_null(void **state)
{
    (void)state;
    struct sheet sheet;
    struct why why = {0};
    assert_ok(open_sheet(&sheet, "Id,Age,Role\n17,,\"\"\n", "Id", &why), &why);
    assert_string_equal(text_string(&sheet.missing), "Rate");
    assert_ok(read_row(&sheet, &why), &why);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sheet.change.attributes[i].kind, VALUE_NULL);
    close_sheet(&sheet);
}

static void a_category_that_nobody_knows_is_passed_on_as_it_is(void **state)
{
    (void)state;
    struct sheet sheet;
    struct why why = {0};
    assert_ok(open_sheet(&sheet, "Id,Role\n17,Astronaut\n", "Id", &why), &why);
    assert_ok(read_row(&sheet, &why), &why);
    assert_true(bytes_equal_string(sheet.change.attributes[2].text, "Astronaut"));
    close_sheet(&sheet);
}

static void values_that_nobody_knows_are_told_once(void **state)
{
    (void)state;
    struct sheet sheet;
    struct why why = {0};
    CLEANUP(text_done) struct text list = TEXT_INIT(200);
    char prefix[ROWS_EVENT_PREFIX];
    rows_event_prefix(&origin, prefix);
    assert_ok(open_sheet(&sheet,
                         "Id,Role,Age\n1,Manager,30\n2,manager,30\n3,Boss,30\n4,Boss,x\n5,boss,1\n"
                         "6,Sales_Executive,30\n7,manager,30\n",
                         "Id", &why),
              &why);
    for (int64_t number = 1; next_row(sheet.csv, &sheet.row) == CSV_ROW; number++)
        IGNORE(rows_event(sheet.rows, sheet.csv, &sheet.row, number, &origin, prefix, &sheet.change,
                          &why)); // two are rejected, and so not told
    assert_int_equal(unknowns_rows(rows_unknowns(sheet.rows)), 3);
    unknowns_write(rows_unknowns(sheet.rows), &list);
    assert_string_equal(text_string(&list), "Role (\"manager\", \"Boss\")");
    close_sheet(&sheet);
}

static void columns_that_are_no_attributes_are_named_once(void **state)
{
    (void)state;
    struct sheet sheet;
    struct why why = {0};
    assert_ok(open_sheet(&sheet, "Id,Attrition,Age,age\n17,Yes,30,x\n", "Id", &why), &why);
    assert_string_equal(text_string(&sheet.ignored), "Attrition, age");
    assert_ok(read_row(&sheet, &why), &why);
    close_sheet(&sheet);
}

static void of_departures_the_ids_are_enough(void **state)
{
    (void)state;
    struct sheet sheet;
    struct why why = {0};
    assert_err(open_sheet(&sheet, "Id\n17\n", "Id", &why), ERR_REJECT, &why);
    assert_ok(rows_new(sheet.features, &sheet.row, "Id", true, &sheet.rows, &sheet.ignored,
                       &sheet.missing, &why),
              &why);
    assert_ok(read_row(&sheet, &why), &why);
    assert_true(bytes_equal_string(sheet.change.employee_id, "17"));
    close_sheet(&sheet);
    assert_err(open_sheet(&sheet, "Number\n17\n", "Id", &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "no-id-column");
    assert_non_null(strstr(why.text, "CSV_DELIMITER"));
    close_sheet(&sheet);
}

static void a_header_that_cannot_be_right_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *code;
    } wrong[] = {
        {"Number,Age\n", "no-id-column"},  {"Id,Age,Id\n", "column-twice"},
        {"Id,Age,Age\n", "column-twice"},  {"Id,Colour\n", "no-attribute"},
        {"Id;Age,Role\n", "no-id-column"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct sheet sheet;
        struct why why = {0};
        assert_err(open_sheet(&sheet, wrong[i].header, "Id", &why), ERR_REJECT, &why);
        assert_string_equal(why.code, wrong[i].code);
        close_sheet(&sheet);
    }
}

static void what_can_never_be_right_is_refused_with_line_column_and_no_value(void **state)
{
    (void)state;
    static const struct {
        const char *row, *code, *column;
    } wrong[] = {
        {"17,forty,1,Manager", "not-an-integer", "Age"},
        {"17, 41,1,Manager", "not-an-integer", "Age"},
        {"17,41.0,1,Manager", "not-an-integer", "Age"},
        {"17,99999999999999999999,1,Manager", "not-an-integer", "Age"},
        {"17,13,1,Manager", "out-of-range", "Age"},
        {"17,101,1,Manager", "out-of-range", "Age"},
        {"17,41,\"1,5\",Manager", "not-a-number", "Rate"},
        {"17,41,nan,Manager", "not-a-number", "Rate"},
        {"17,41,1e999,Manager", "not-a-number", "Rate"},
        {"17,41,1000.5,Manager", "out-of-range", "Rate"},
        {"17,41,1,\"a\tb\"", "not-printable", "Role"},
        {",41,1,Manager", "bad-employee-id", "employee_id"},
        {"\"1\n7\",41,1,Manager", "bad-employee-id", "employee_id"},
        {"17,41,1", "field-count", "fields"},
        {"17,41,1,\"Manager", "unclosed-quote", "quote"},
        {"17,41,1,\xff", "invalid-utf8", "UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct sheet sheet;
        struct why why = {0};
        char in[200];
        snprintf(in, sizeof in, "Id,Age,Rate,Role\n\n%s\n", wrong[i].row);
        assert_ok(open_sheet(&sheet, in, "Id", &why), &why);
        assert_err(read_row(&sheet, &why), ERR_REJECT, &why);
        assert_string_equal(why.code, wrong[i].code);
        assert_memory_equal(why.text, "line 3: ", 8);
        assert_non_null(strstr(why.text, wrong[i].column));
        assert_null(strstr(why.text, "41"));
        assert_null(strstr(why.text, "Manager"));
        close_sheet(&sheet);
    }
}

static void the_event_id_stands_for_source_content_time_change_and_row(void **state)
{
    (void)state;
    char ids[5][ROWS_EVENT_PREFIX], again[ROWS_EVENT_PREFIX];
    struct rows_origin other = origin;
    rows_event_prefix(&origin, ids[0]);
    rows_event_prefix(&origin, again);
    assert_string_equal(ids[0], again);
    assert_int_equal(strlen(again), 24);
    other.source = "hr-expor";
    rows_event_prefix(&other, ids[1]);
    other = origin, other.content_hash = "00fe";
    rows_event_prefix(&other, ids[2]);
    other = origin, other.event_time_ms++;
    rows_event_prefix(&other, ids[3]);
    other = origin, other.change = CHANGE_CREATED;
    rows_event_prefix(&other, ids[4]);
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);

    struct sheet sheet;
    struct why why = {0};
    assert_ok(open_sheet(&sheet, "Id,Age\n17,41\n", "Id", &why), &why);
    assert_ok(read_row(&sheet, &why), &why);
    char expected[64];
    snprintf(expected, sizeof expected, "%s-7", ids[0]);
    assert_true(bytes_equal_string(sheet.change.event_id, expected));
    close_sheet(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_becomes_the_state_of_its_employee),
        cmocka_unit_test(an_empty_field_and_a_missing_column_are_null),
        cmocka_unit_test(a_category_that_nobody_knows_is_passed_on_as_it_is),
        cmocka_unit_test(values_that_nobody_knows_are_told_once),
        cmocka_unit_test(columns_that_are_no_attributes_are_named_once),
        cmocka_unit_test(of_departures_the_ids_are_enough),
        cmocka_unit_test(a_header_that_cannot_be_right_is_refused),
        cmocka_unit_test(what_can_never_be_right_is_refused_with_line_column_and_no_value),
        cmocka_unit_test(the_event_id_stands_for_source_content_time_change_and_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
