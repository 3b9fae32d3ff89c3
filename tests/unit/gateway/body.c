// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "body.h"

static struct features *features;
static struct body_reader *reader;
static struct body_person person;
static struct body_errors errors;

static int load(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    reader = body_reader_new(features);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    body_reader_free(reader);
    features_free(features);
    return 0;
}

// The document lives until the next one is read.
static bool read(const char *text, unsigned takes)
{
    static struct json *json;
    struct why why = {0};
    json_free(json);
    json = NULL;
    if (text == NULL)
        return false;
    errors.count = 0;
    assert_ok(json_parse(bytes_from_string(text), BODY_JSON_MAX, BODY_DEPTH_MAX, &json, &why),
              &why);
    return body_read_person(reader, json, takes, &person, &errors);
}

static const struct value *value_of(const char *name)
{
    return &person.values[features_find(features, bytes_from_string(name))];
}

static void refused(const char *text, unsigned takes, const char *field, const char *code)
{
    assert_false(read(text, takes));
    if (strcmp(errors.list[0].field, field) != 0 || strcmp(errors.list[0].code, code) != 0)
        fail_msg("%s: %s is %s", text, errors.list[0].field, errors.list[0].code);
}

static void attributes_stand_beside_the_id_or_in_an_object(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"employee_id\": \"E1\", \"Age\": 41, \"OverTime\": \"Yes\", \"JobLevel\": null}",
        "{\"attributes\": {\"OverTime\": \"Yes\", \"Age\": 41}, \"employe_id\": \"E1\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(read(texts[i], BODY_TAKES_ID));
        assert_true(person.has_id && person.has_attributes);
        assert_true(bytes_equal_string(person.employee_id, "E1"));
        assert_int_equal(value_of("Age")->integer, 41);
        assert_true(bytes_equal_string(value_text(value_of("OverTime")), "Yes"));
        assert_int_equal(value_of("JobLevel")->kind, VALUE_NULL);
        assert_int_equal(value_of("Gender")->kind, VALUE_NULL);
    }
}

static void an_id_is_a_text_or_the_digits_of_a_whole_number(void **state)
{
    (void)state;
    assert_true(read("{\"employee_id\": 7}", BODY_TAKES_ID));
    assert_true(bytes_equal_string(person.employee_id, "7"));
    assert_false(person.has_attributes);
    static const char *const whole[][2] = {{"7.0", "7"},
                                           {"-0.0", "0"},
                                           {"9007199254740991", "9007199254740991"},
                                           {"9.007199254740991e15", "9007199254740991"}};
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"employee_id\": %s}", whole[i][0]);
        assert_true(read(text, BODY_TAKES_ID));
        assert_true(bytes_equal_string(person.employee_id, whole[i][1]));
    }
    refused("{\"employee_id\": 9007199254740992}", BODY_TAKES_ID, "employee_id", "out-of-range");
    refused("{\"employee_id\": 1e300}", BODY_TAKES_ID, "employee_id", "out-of-range");
    refused("{\"employee_id\": -7}", BODY_TAKES_ID, "employee_id", "wrong-type");
    refused("{\"employee_id\": 7.5}", BODY_TAKES_ID, "employee_id", "wrong-type");
    refused("{\"employee_id\": null}", BODY_TAKES_ID, "employee_id", "wrong-type");
    refused("{\"employee_id\": \"\"}", BODY_TAKES_ID, "employee_id", "bad-employee-id");
    refused("{\"employee_id\": 7, \"employe_id\": 7}", BODY_TAKES_ID, "employe_id",
            "conflicting-fields");
    refused("{\"employee_id\": 7}", 0, "employee_id", "unknown-field");
}

static void numbers_and_categories_become_the_usual_ones(void **state)
{
    (void)state;
    assert_true(read("{\"Age\": 41.0, \"Gender\": \"F\", \"Department\": \"Alchemy\"}", 0));
    assert_int_equal(value_of("Age")->kind, VALUE_INTEGER);
    assert_int_equal(value_of("Age")->integer, 41);
    assert_true(bytes_equal_string(value_text(value_of("Gender")), "Female"));
    assert_true(bytes_equal_string(value_text(value_of("Department")), "Alchemy"));
}

static void every_wrong_field_is_named_by_its_path(void **state)
{
    (void)state;
    refused("{\"Age\": 7}", 0, "Age", "out-of-range");
    refused("{\"attributes\": {\"Age\": 7}}", 0, "attributes.Age", "out-of-range");
    refused("{\"Age\": 30.5}", 0, "Age", "not-an-integer");
    refused("{\"Age\": \"30\"}", 0, "Age", "wrong-type");
    refused("{\"Age\": [30]}", 0, "Age", "wrong-type");
    refused("{\"Age\": true}", 0, "Age", "wrong-type");
    refused("{\"OverTime\": 1}", 0, "OverTime", "wrong-type");
    refused("{\"OverTime\": \"a\\nb\"}", 0, "OverTime", "not-printable");
    refused("{\"age\": 30}", 0, "age", "unknown-field");
    refused("{\"attributes\": {}}", 0, "attributes", "missing-field");
    refused("{\"attributes\": 1}", 0, "attributes", "wrong-type");
    refused("{\"attributes\": {\"Age\": 30}, \"Age\": 30}", 0, "attributes", "conflicting-fields");
    refused("{\"attributes\": {\"attributes\": {}}}", 0, "attributes.attributes", "unknown-field");
    assert_false(read("{\"Age\": 7, \"JobLevel\": 0, \"Shoe\": 1}", 0));
    assert_int_equal(errors.count, 3);
}

static void a_change_and_its_time_are_taken_where_they_may_be(void **state)
{
    (void)state;
    assert_true(read("{\"change\": \"left\", \"event_time\": \"2026-03-31T00:00:00Z\"}",
                     BODY_TAKES_CHANGE));
    assert_int_equal(person.change, CHANGE_LEFT);
    assert_int_equal(person.event_time_ms, INT64_C(1774915200000));
    refused("{\"change\": \"fired\"}", BODY_TAKES_CHANGE, "change", "bad-value");
    refused("{\"event_time\": \"soon\"}", BODY_TAKES_CHANGE, "event_time", "bad-event-time");
    assert_true(read("{\"event_time\": \"2026-03-31\"}", BODY_TAKES_CHANGE));
    assert_int_equal(person.event_time_ms, INT64_C(1774915200000));
    refused("{\"event_time\": \"20260331\"}", BODY_TAKES_CHANGE, "event_time", "bad-event-time");
    refused("{\"event_time\": 1774915200000}", BODY_TAKES_CHANGE, "event_time", "wrong-type");
    refused("{\"change\": \"left\"}", BODY_TAKES_ID, "change", "unknown-field");
}

static void names_from_outside_are_shown_cut_and_harmless(void **state)
{
    (void)state;
    refused("{\"\\u0007\\\"<script>\": 1}", 0, "?\"<script>", "unknown-field");
    char text[400] = "{\"";
    memset(text + 2, 'x', 300);
    strcpy(text + 302, "\": 1}");
    assert_false(read(text, 0));
    assert_int_equal(strlen(errors.list[0].field), 64);
}

static void more_errors_than_fit_are_left_out(void **state)
{
    (void)state;
    char text[4000] = "{";
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s\"x%d\": 1", i == 0 ? "" : ",",
                 i);
    strcat(text, "}");
    assert_false(read(text, 0));
    assert_int_equal(errors.count, BODY_ERRORS_MAX);
    IGNORE(read(NULL, 0));
}

static bool is_same(const struct value *a, const struct value *b)
{
    return a->kind == b->kind &&
           (a->kind == VALUE_NULL || (a->kind == VALUE_INTEGER && a->integer == b->integer) ||
            (a->kind == VALUE_REAL && a->real == b->real) ||
            (a->kind == VALUE_TEXT && bytes_equal(a->text, b->text)));
}

// True where it was read flat, and as the tree gives it.
static bool is_read_flat(const char *text)
{
    struct body_person flat;
    if (!body_read_flat_person(reader, bytes_from_string(text), &flat))
        return false;
    assert_true(read(text, BODY_TAKES_ID));
    assert_true(flat.has_attributes && person.has_attributes && !flat.has_id && !person.has_id);
    for (size_t i = 0; i < features->count; i++)
        assert_true(is_same(&flat.values[i], &person.values[i]));
    return true;
}

static void good_attributes_alone_are_read_without_a_tree(void **state)
{
    (void)state;
    assert_true(is_read_flat("{\"Age\": 41, \"OverTime\": \"Yes\", \"JobLevel\": null, "
                             "\"MonthlyIncome\": 2993.0, \"Department\": \"Sales\"}"));
    assert_true(is_read_flat("{\"Gender\": \"neither of the known\", \"DailyRate\": 1e3}"));
    static const char *const left[] = {
        "{}",
        "{\"employee_id\": \"E1\", \"Age\": 41}",
        "{\"attributes\": {\"Age\": 41}}",
        "{\"Age\": 41, \"Age\": 41}",
        "{\"Age\": 41, \"Ages\": 1}",
        "{\"Age\": \"41\"}",
        "{\"Age\": true}",
        "{\"Age\": 4100}",
        "{\"Age\": 41.5}",
        "{\"OverTime\": 1}",
        "{\"OverTime\": \"Ye\\u0073\"}",
        "{\"Age\": 41",
    };
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        struct body_person flat;
        if (body_read_flat_person(reader, bytes_from_string(left[i]), &flat))
            fail_msg("read: %s", left[i]);
    }
    CLEANUP(text_done) struct text large = TEXT_INIT(2 * BODY_JSON_MAX);
    struct body_person flat;
    assert_int_equal(text_append_string(&large, "{\"Age\": 41}"), ERR_OK);
    while (large.len <= BODY_JSON_MAX)
        assert_int_equal(text_append_string(&large, " "), ERR_OK);
    assert_false(body_read_flat_person(reader, text_bytes(&large), &flat));
    large.len = BODY_JSON_MAX;
    assert_true(body_read_flat_person(reader, text_bytes(&large), &flat));
    IGNORE(read(NULL, 0));
}

static void what_a_rule_refuses_is_not_read_without_a_tree_either(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *second = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/tests/data/second/features.json", &second, &why), &why);
    struct body_reader *its_reader = body_reader_new(second);
    struct body_person flat;
    assert_true(
        body_read_flat_person(its_reader, bytes_from_string("{\"HoursPerWeek\": 60}"), &flat));
    assert_false(
        body_read_flat_person(its_reader, bytes_from_string("{\"HoursPerWeek\": 61}"), &flat));
    body_reader_free(its_reader);
}

// xorshift64 (Marsaglia): the same changes in every run.
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void a_damaged_body_is_read_as_the_tree_gives_it_or_left_to_it(void **state)
{
    (void)state;
    static const char good[] = "{\"Age\": 41, \"BusinessTravel\":\"Travel_Rarely\", "
                               "\"Department\" :\"Sales\",\"Education\": 2.0, \"JobLevel\":1,"
                               "\"JobRole\": \"sales\", \"MonthlyIncome\": 2993,\"OverTime\":"
                               "\"Yes\", \"PercentSalaryHike\":-12, \"DailyRate\": null}";
    static const char bytes[] = "\"{}[]:,\\ \n0123456789.-+eEnulSsY_\x01\x7f\x80\xc3\xa9";
    uint64_t seed = 88172645463325252U;
    size_t read_flat = 0;
    for (int i = 0; i < 100000; i++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (uint64_t changes = draw(&seed) % 3; changes > 0; changes--)
            text[draw(&seed) % (sizeof good - 1)] = bytes[draw(&seed) % (sizeof bytes - 1)];
        read_flat += is_read_flat(text);
    }
    assert_in_range(read_flat, 20000, 90000);
    IGNORE(read(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_stand_beside_the_id_or_in_an_object),
        cmocka_unit_test(an_id_is_a_text_or_the_digits_of_a_whole_number),
        cmocka_unit_test(numbers_and_categories_become_the_usual_ones),
        cmocka_unit_test(every_wrong_field_is_named_by_its_path),
        cmocka_unit_test(a_change_and_its_time_are_taken_where_they_may_be),
        cmocka_unit_test(names_from_outside_are_shown_cut_and_harmless),
        cmocka_unit_test(more_errors_than_fit_are_left_out),
        cmocka_unit_test(good_attributes_alone_are_read_without_a_tree),
        cmocka_unit_test(what_a_rule_refuses_is_not_read_without_a_tree_either),
        cmocka_unit_test(a_damaged_body_is_read_as_the_tree_gives_it_or_left_to_it),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
