// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/employee.h"

// Three attributes, one of each type.
static const char attributes_json[] =
    "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":["
    "{\"name\":\"Grade\",\"type\":\"integer\",\"role\":\"input\",\"min\":1,\"max\":9},"
    "{\"name\":\"PayRatio\",\"type\":\"real\",\"role\":\"input\",\"min\":0,\"max\":4},"
    "{\"name\":\"Site\",\"type\":\"category\",\"role\":\"audit\",\"categories\":[{\"name\":\"A\"}]}"
    "]}";

static const int64_t day_ms = 86400000;

struct sample {
    struct features *features;
    struct value attributes[3];
    struct employee_change change;
};

static struct bytes text(const char *string)
{
    return bytes_from_string(string);
}

static int setup(void **state)
{
    static struct sample sample;
    struct why why = {0};
    assert_ok(features_parse(text(attributes_json), &sample.features, &why), &why);
    sample.attributes[0] = (struct value){.kind = VALUE_INTEGER, .integer = 3};
    sample.attributes[1] = (struct value){.kind = VALUE_REAL, .real = 1.25};
    sample.attributes[2] = (struct value){.kind = VALUE_TEXT, .text = text("A")};
    sample.change = (struct employee_change){.event_id = text("event-1"),
                                             .employee_id = text("17"),
                                             .event_time_ms = 1772353800000,
                                             .change = CHANGE_UPDATED,
                                             .source = text("payroll"),
                                             .attributes = sample.attributes};
    *state = &sample;
    return 0;
}

static int teardown(void **state)
{
    struct sample *sample = *state;
    features_free(sample->features);
    return 0;
}

static void expect(const struct sample *sample, struct bytes key, int64_t broker_time_ms,
                   const char *code)
{
    struct why why = {0};
    enum err err = employee_check(sample->features, &sample->change, key, broker_time_ms, &why);
    if (code == NULL) {
        assert_ok(err, &why);
        return;
    }
    assert_err(err, ERR_REJECT, &why);
    assert_string_equal(why.code, code);
}

static void expect_code(const struct sample *sample, const char *code)
{
    expect(sample, bytes_of(NULL, 0), 0, code);
}

static void an_event_in_order_passes(void **state)
{
    struct sample *sample = *state;
    expect(sample, text("17"), sample->change.event_time_ms, NULL);
    sample->change.requested_by = text("4");
    expect(sample, text("17"), sample->change.event_time_ms, NULL);
}

static void nulls_and_unknown_categories_are_no_error(void **state)
{
    struct sample *sample = *state;
    sample->attributes[2].text = text("never heard of");
    expect_code(sample, NULL);
    for (size_t i = 0; i < 3; i++)
        sample->attributes[i] = (struct value){.kind = VALUE_NULL};
    expect_code(sample, NULL);
}

static void ids_are_short_printable_utf8(void **state)
{
    struct sample *sample = *state;
    char long_text[EVENT_TEXT_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    struct bytes *fields[] = {&sample->change.employee_id, &sample->change.event_id,
                              &sample->change.source, &sample->change.requested_by};
    static const char *const codes[] = {"bad-employee-id", "bad-event-id", "bad-source",
                                        "bad-requested-by"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct bytes good = *fields[i];
        struct bytes bad[] = {bytes_of("", 0), text("a\nb"), bytes_of("a\0b", 3), text("\xff"),
                              bytes_of(long_text, sizeof long_text)};
        for (size_t j = 0; j < ARRAY_LEN(bad); j++) {
            *fields[i] = bad[j];
            expect_code(sample, codes[i]);
        }
        *fields[i] = good;
    }
    sample->change.employee_id = bytes_of(long_text, EMPLOYEE_ID_MAX);
    expect_code(sample, NULL);
    sample->change.employee_id.len++;
    expect_code(sample, "bad-employee-id");
}

static void the_key_is_the_employee_id(void **state)
{
    struct sample *sample = *state;
    expect(sample, text("18"), 0, "key-mismatch");
    expect(sample, text("1"), 0, "key-mismatch");
    expect(sample, bytes_of("", 0), 0, "key-mismatch");
    expect(sample, bytes_of(NULL, 0), 0, NULL);
}

static void event_times_are_possible_and_not_far_ahead_of_the_broker(void **state)
{
    struct sample *sample = *state;
    int64_t event_time_ms = sample->change.event_time_ms;
    expect(sample, text("17"), event_time_ms - day_ms, NULL);
    expect(sample, text("17"), event_time_ms - day_ms - 1, "event-time-in-future");
    expect(sample, text("17"), event_time_ms + 1000 * day_ms, NULL);
    expect(sample, text("17"), INT64_MAX, NULL);
    expect(sample, text("17"), INT64_MIN, NULL);
    static const int64_t bad[] = {-1, INT64_MIN, INT64_MAX, 253402300800000};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        sample->change.event_time_ms = bad[i];
        expect(sample, text("17"), event_time_ms, "bad-event-time");
    }
}

static void a_value_of_another_type_is_refused(void **state)
{
    struct sample *sample = *state;
    for (size_t i = 0; i < 2; i++) { // the two numbers
        struct value good = sample->attributes[i];
        sample->attributes[i] = (struct value){.kind = VALUE_TEXT, .text = text("3")};
        expect_code(sample, "wrong-type");
        sample->attributes[i] = (struct value){.kind = VALUE_BOOLEAN, .boolean = true};
        expect_code(sample, "wrong-type");
        sample->attributes[i] = good;
    }
    sample->attributes[2] = (struct value){.kind = VALUE_INTEGER, .integer = 1};
    expect_code(sample, "wrong-type");
}

static void whole_reals_are_integers_and_broken_ones_are_not(void **state)
{
    struct sample *sample = *state;
    sample->attributes[0] = (struct value){.kind = VALUE_REAL, .real = 4.0};
    expect_code(sample, NULL);
    assert_true(attribute_integer(&sample->attributes[0]) == 4);
    sample->attributes[0].real = 4.5;
    expect_code(sample, "not-an-integer");
    sample->attributes[1] = (struct value){.kind = VALUE_INTEGER, .integer = 2};
    sample->attributes[0].real = 4.0;
    expect_code(sample, NULL);
    assert_true(attribute_number(&sample->attributes[1]) == 2.0);
}

static void numbers_are_finite_and_within_their_bounds(void **state)
{
    struct sample *sample = *state;
    static const double not_numbers[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(not_numbers); i++) {
        sample->attributes[1].real = not_numbers[i];
        expect_code(sample, "not-a-number");
    }
    sample->attributes[1].real = 4.0;
    expect_code(sample, NULL);
    sample->attributes[1].real = nextafter(4.0, 5.0);
    expect_code(sample, "out-of-range");
    sample->attributes[1].real = -0.001;
    expect_code(sample, "out-of-range");
    sample->attributes[1].real = 0;
    static const int64_t integers[] = {0, 10, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        sample->attributes[0] = (struct value){.kind = VALUE_INTEGER, .integer = integers[i]};
        expect_code(sample, "out-of-range");
    }
}

static void texts_are_short_printable_utf8(void **state)
{
    struct sample *sample = *state;
    static char long_text[EVENT_TEXT_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    sample->attributes[2].text = bytes_of(long_text, EVENT_TEXT_MAX);
    expect_code(sample, NULL);
    sample->attributes[2].text = bytes_of(long_text, EVENT_TEXT_MAX + 1);
    expect_code(sample, "text-too-long");
    sample->attributes[2].text = text("\xc3\x28");
    expect_code(sample, "invalid-utf8");
    sample->attributes[2].text = bytes_of("A\0", 2);
    expect_code(sample, "not-printable");
    sample->attributes[2].text = bytes_of(NULL, 0);
    expect_code(sample, NULL);
}

static void a_sentence_never_quotes_the_value(void **state)
{
    struct sample *sample = *state;
    struct why why = {0};
    sample->attributes[0].integer = 12345;
    assert_err(employee_check(sample->features, &sample->change, text("17"), 0, &why), ERR_REJECT,
               &why);
    assert_null(strstr(why.text, "12345"));
    assert_non_null(strstr(why.text, "Grade"));
}

static void names_of_changes_read_back(void **state)
{
    (void)state;
    for (int i = CHANGE_CREATED; i <= CHANGE_ERASED; i++) {
        enum change change = CHANGE_ERASED;
        assert_true(change_from_text(text(change_name((enum change)i)), &change));
        assert_int_equal(change, i);
    }
    enum change change = CHANGE_CREATED;
    assert_false(change_from_text(text("Created"), &change));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_event_in_order_passes),
        CASE(nulls_and_unknown_categories_are_no_error),
        CASE(ids_are_short_printable_utf8),
        CASE(the_key_is_the_employee_id),
        CASE(event_times_are_possible_and_not_far_ahead_of_the_broker),
        CASE(a_value_of_another_type_is_refused),
        CASE(whole_reals_are_integers_and_broken_ones_are_not),
        CASE(numbers_are_finite_and_within_their_bounds),
        CASE(texts_are_short_printable_utf8),
        CASE(a_sentence_never_quotes_the_value),
        CASE(names_of_changes_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
