// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "avro/records.h"
#include "avro/topics.h"
#include "base/compiler.h"
#include "base/mem.h"

// That values come back as they went in is tested with the encoders; here is what is refused, and
// what older and newer writers' schemas may leave out.

static struct value text(const char *string)
{
    return (struct value){.kind = VALUE_TEXT, .text = bytes_from_string(string)};
}

static struct value integer(int64_t value)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = value};
}

static struct value real(double value)
{
    return (struct value){.kind = VALUE_REAL, .real = value};
}

// Places of avro_prediction_fields, by name.
static size_t place(const char *name)
{
    for (size_t i = 0; i < AVRO_PREDICTION_FIELDS; i++)
        if (strcmp(avro_prediction_fields[i].name, name) == 0)
            return i;
    fail_msg("no field %s", name);
    return 0;
}

static void good_prediction(struct value values[AVRO_PREDICTION_FIELDS])
{
    for (size_t i = 0; i < AVRO_PREDICTION_FIELDS; i++) {
        unsigned takes = avro_prediction_fields[i].takes;
        values[i] = (takes & AVRO_TAKES_NULL) != 0   ? (struct value){.kind = VALUE_NULL}
                    : (takes & AVRO_TAKES_TEXT) != 0 ? text("x")
                    : (takes & AVRO_TAKES_REAL) != 0 ? real(0.5)
                                                     : integer(1);
    }
    values[place("band")] = text("high");
    values[place("trigger")] = text("request");
    values[place("churn_probability")] = real(0.75);
}

static void impossible_predictions_are_refused_with_their_code(void **state)
{
    (void)state;
    const struct {
        const char *field;
        struct value value;
        const char *code;
    } cases[] = {
        {"band", text("HIGH"), "bad-band"},
        {"band", text("unknown"), "bad-probability"}, // with a probability
        {"trigger", text(""), "bad-trigger"},
        {"churn_probability", {.kind = VALUE_NULL}, "bad-probability"},
        {"churn_probability", real(1.0000001), "bad-probability"},
        {"churn_probability", real(-0.1), "bad-probability"},
        {"churn_probability", real((double)NAN), "bad-probability"},
        {"reason_2", text("Age"), "bad-reason"},
        {"weight_3", real(1), "bad-reason"},
        {"source_partition", integer(-1), "bad-partition"},
        {"source_partition", integer(2147483648), "bad-partition"},
    };
    struct prediction prediction;
    struct why why = {0};
    struct value values[AVRO_PREDICTION_FIELDS];
    good_prediction(values);
    assert_ok(avro_prediction_from_values(values, &prediction, &why), &why);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        good_prediction(values);
        values[place(cases[i].field)] = cases[i].value;
        assert_err(avro_prediction_from_values(values, &prediction, &why), ERR_REJECT, &why);
        assert_string_equal(why.code, cases[i].code);
    }
}

// `body` is the map's bytes on the wire.
static enum err high_risk(const char *band, struct bytes body, struct why *why)
{
    struct value values[AVRO_HIGH_RISK_FIELDS];
    good_prediction(values);
    values[place("band")] = text(band);
    values[AVRO_PREDICTION_FIELDS] = (struct value){.kind = VALUE_MAP, .text = body};
    struct prediction prediction;
    struct bytes facts[PLAN_FACTS_MAX][2];
    size_t count = 0;
    return avro_high_risk_from_values(values, &prediction, facts, &count, why);
}

static void impossible_facts_are_refused(void **state)
{
    (void)state;
    struct why why = {0};
    struct bytes two = bytes_of("\x04\x02k\x02v\x02l\x02v\x00", 10);
    assert_ok(high_risk("high", two, &why), &why);
    assert_err(high_risk("low", two, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-band");
    assert_err(high_risk("high", bytes_of("\x04\x02k\x02v\x02k\x02w\x00", 10), &why), ERR_REJECT,
               &why);
    assert_string_equal(why.code, "bad-fact");
    assert_err(high_risk("high", bytes_of("\x02\x00\x02v\x00", 5), &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-fact");
}

static void an_unknown_status_of_a_plan_is_refused(void **state)
{
    (void)state;
    struct value values[AVRO_PLAN_FIELDS] = {0};
    for (size_t i = 0; i < AVRO_PLAN_FIELDS; i++)
        values[i] = (avro_plan_fields[i].takes & AVRO_TAKES_TEXT) != 0 ? text("x") : integer(1);
    struct plan plan = {.created_at_ms = 77};
    struct why why = {0};
    assert_err(avro_plan_from_values(values, &plan, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-status");
    assert_int_equal(plan.created_at_ms, 77);
}

static void an_unknown_change_is_refused(void **state)
{
    (void)state;
    struct value values[AVRO_EMPLOYEE_ATTRIBUTES] = {
        [AVRO_EMPLOYEE_EVENT_ID] = text("e"),    [AVRO_EMPLOYEE_EMPLOYEE_ID] = text("1"),
        [AVRO_EMPLOYEE_EVENT_TIME] = integer(1), [AVRO_EMPLOYEE_CHANGE] = text("fired"),
        [AVRO_EMPLOYEE_SOURCE] = text("s"),
    };
    struct employee_change change = {.event_time_ms = 77};
    struct why why = {0};
    assert_err(avro_employee_from_values(values, &change, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-change");
    assert_int_equal(change.event_time_ms, 77);
    values[AVRO_EMPLOYEE_CHANGE] = text("left");
    assert_ok(avro_employee_from_values(values, &change, &why), &why);
    assert_int_equal(change.change, CHANGE_LEFT);
    assert_null(change.requested_by.data);
}

static void negative_progress_is_refused(void **state)
{
    (void)state;
    struct value values[AVRO_PROGRESS_FIELDS] = {
        text("s"),  text("h"),   integer(1), integer(1),
        integer(1), integer(-1), integer(1), {.kind = VALUE_BOOLEAN, .boolean = true},
        integer(1)};
    struct hris_progress progress;
    struct why why = {0};
    assert_err(avro_progress_from_values(values, &progress, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-progress");
    values[5] = integer(0);
    assert_ok(avro_progress_from_values(values, &progress, &why), &why);
    assert_true(progress.is_finished);
}

static enum err employee_program(const char *schema, struct why *why)
{
    struct features *features CLEANUP(features_free_p) = NULL;
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, why), why);
    size_t count = 0;
    struct avro_field *fields CLEANUP(mem_free_p) = avro_employee_fields(features, &count);
    struct avro_program *program CLEANUP(avro_program_free_p) = NULL;
    return avro_program_compile(bytes_from_string(schema), fields, count, &program, why);
}

#define EMPLOYEE(fields)                                                                           \
    "{\"type\":\"record\",\"name\":\"EmployeeChanged\",\"fields\":["                               \
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"employee_id\",\"type\":\"string\"},"  \
    "{\"name\":\"event_time\",\"type\":\"long\"},{\"name\":\"source\",\"type\":\"string\"}" fields \
    "]}"

static void a_writer_may_lack_attributes_but_no_required_fact(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(employee_program(EMPLOYEE(",{\"name\":\"change\",\"type\":\"string\"}"), &why), &why);
    assert_err(employee_program(EMPLOYEE(""), &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "schema-mismatch");
    assert_non_null(strstr(why.text, "change"));
}

static void a_writer_may_widen_an_attribute_but_not_change_its_kind(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(employee_program(EMPLOYEE(",{\"name\":\"change\",\"type\":\"string\"},"
                                        "{\"name\":\"Age\",\"type\":[\"null\",\"double\"]}"),
                               &why),
              &why);
    assert_err(employee_program(EMPLOYEE(",{\"name\":\"change\",\"type\":\"string\"},"
                                         "{\"name\":\"Age\",\"type\":[\"null\",\"string\"]}"),
                                &why),
               ERR_REJECT, &why);
    assert_string_equal(why.code, "schema-mismatch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_predictions_are_refused_with_their_code),
        cmocka_unit_test(impossible_facts_are_refused),
        cmocka_unit_test(an_unknown_status_of_a_plan_is_refused),
        cmocka_unit_test(an_unknown_change_is_refused),
        cmocka_unit_test(negative_progress_is_refused),
        cmocka_unit_test(a_writer_may_lack_attributes_but_no_required_fact),
        cmocka_unit_test(a_writer_may_widen_an_attribute_but_not_change_its_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
