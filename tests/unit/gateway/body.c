// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

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
    };
    return cmocka_run_group_tests(tests, load, unload);
}
