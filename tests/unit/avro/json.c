// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "avro/encode.h"
#include "avro/frame.h"
#include "avro/json.h"
#include "avro/topics.h"
#include "base/compiler.h"
#include "json/json.h"

#define BODY(literal) bytes_of(literal, sizeof(literal) - 1)

static void assert_json(const char *schema, struct bytes body, const char *expected)
{
    struct why why = {0};
    CLEANUP(avro_json_free_p) struct avro_json *json = NULL;
    CLEANUP(text_done) struct text out = TEXT_INIT(65536);
    assert_ok(avro_json_new(bytes_from_string(schema), &json, &why), &why);
    assert_ok(avro_json_write(json, body, &out, &why), &why);
    assert_string_equal(text_string(&out), expected);
}

static void assert_refused(const char *schema, struct bytes body, size_t ceiling, const char *code)
{
    struct why why = {0};
    CLEANUP(avro_json_free_p) struct avro_json *json = NULL;
    CLEANUP(text_done) struct text out = TEXT_INIT(ceiling);
    assert_ok(avro_json_new(bytes_from_string(schema), &json, &why), &why);
    assert_err(avro_json_write(json, body, &out, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, code);
}

#define RECORD(type)                                                                               \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":" type "}]}"

static void every_type_has_its_json(void **state)
{
    (void)state;
    assert_json(RECORD("\"null\""), BODY(""), "{\"x\":null}");
    assert_json(RECORD("\"boolean\""), BODY("\x01"), "{\"x\":true}");
    assert_json(RECORD("\"int\""), BODY("\x05"), "{\"x\":-3}");
    assert_json(RECORD("\"long\""), BODY("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                "{\"x\":-9223372036854775808}");
    assert_json(RECORD("\"double\""), BODY("\x9a\x99\x99\x99\x99\x99\xb9\x3f"), "{\"x\":0.1}");
    assert_json(RECORD("\"float\""), BODY("\0\0\xc0\x3f"), "{\"x\":1.5}");
    assert_json(RECORD("\"string\""),
                BODY("\x08"
                     "a\"\n\xff"),
                "{\"x\":\"a\\\"\\n\xef\xbf\xbd\"}");
    assert_json(RECORD("\"bytes\""),
                BODY("\x08"
                     "a\"\x00\xff"),
                "{\"x\":\"a\\u0022\\u0000\\u00ff\"}");
    assert_json(RECORD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}"), BODY("\\z"),
                "{\"x\":\"\\u005cz\"}");
    assert_json(RECORD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"),
                BODY("\x02"), "{\"x\":\"B\"}");
    assert_json(RECORD("[\"null\",\"int\"]"), BODY("\x02\x02"), "{\"x\":1}");
    assert_json(RECORD("{\"type\":\"array\",\"items\":\"int\"}"),
                BODY("\x04\x02\x04\x01\x02\x06\x00"), "{\"x\":[1,2,3]}");
    assert_json(RECORD("{\"type\":\"map\",\"values\":\"string\"}"),
                BODY("\x04\x02"
                     "a\x02z\x02"
                     "b\x00\x00"),
                "{\"x\":{\"a\":\"z\",\"b\":\"\"}}");
    assert_json(RECORD("{\"type\":\"map\",\"values\":\"int\"}"), BODY("\x00"), "{\"x\":{}}");
    assert_json("\"string\"", BODY("\x02z"), "\"z\"");
}

static void numbers_that_json_lacks_are_words(void **state)
{
    (void)state;
    assert_json(RECORD("\"double\""), BODY("\0\0\0\0\0\0\xf8\x7f"), "{\"x\":\"NaN\"}");
    assert_json(RECORD("\"double\""), BODY("\0\0\0\0\0\0\xf0\x7f"), "{\"x\":\"Infinity\"}");
    assert_json(RECORD("\"double\""), BODY("\0\0\0\0\0\0\xf0\xff"), "{\"x\":\"-Infinity\"}");
}

#define TIME "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"

static void times_are_dates_also_behind_a_reference(void **state)
{
    (void)state;
    assert_json(RECORD(TIME), BODY("\x00"), "{\"x\":\"1970-01-01T00:00:00.000Z\"}");
    assert_json(RECORD("[\"null\"," TIME "]"), BODY("\x02\x01"),
                "{\"x\":\"1969-12-31T23:59:59.999Z\"}");
    assert_json(RECORD("{\"type\":\"array\",\"items\":" TIME "}"), BODY("\x02\x02\x00"),
                "{\"x\":[\"1970-01-01T00:00:00.001Z\"]}");
    assert_json(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":["
        "{\"name\":\"t\",\"type\":" TIME "}]}},"
        "{\"name\":\"b\",\"type\":\"S\"}]}",
        BODY("\x00\x02"),
        "{\"a\":{\"t\":\"1970-01-01T00:00:00.000Z\"},\"b\":{\"t\":\"1970-01-01T00:00:00.001Z\"}}");
    // Years that are no four digits stay numbers; a long without the logical type is one anyway.
    assert_json(RECORD(TIME), BODY("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                "{\"x\":9223372036854775807}");
    assert_json(RECORD("\"long\""), BODY("\x02"), "{\"x\":1}");
}

static void broken_bodies_are_refused_as_by_a_program(void **state)
{
    (void)state;
    assert_refused(RECORD("\"string\""), BODY("\x08z"), 100, "bad-length");
    assert_refused(RECORD("\"double\""), BODY("1234"), 100, "truncated");
    assert_refused(RECORD("\"int\""), BODY("\x02\x02"), 100, "trailing-bytes");
    assert_refused(RECORD("[\"null\",\"int\"]"), BODY("\x04"), 100, "bad-union-index");
    assert_refused(RECORD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}"), BODY("\x02"),
                   100, "bad-enum-index");
    assert_refused(RECORD("{\"type\":\"array\",\"items\":\"int\"}"), BODY("\x20\x02\x00"), 100,
                   "too-many-items");
    assert_refused(RECORD("{\"type\":\"array\",\"items\":\"int\"}"), BODY("\x01\x04\x02\x00"), 100,
                   "bad-length");
    assert_refused(RECORD("\"boolean\""), BODY("\x02"), 100, "bad-boolean");
    assert_refused(RECORD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":9}"), BODY("z"), 100,
                   "truncated");
}

static void what_is_claimed_in_few_bytes_is_bounded_by_the_ceiling(void **state)
{
    (void)state;
    struct bytes many = BODY("\xc0\xb8\x02\x00"); // 20,000 nulls
    assert_refused(RECORD("{\"type\":\"array\",\"items\":\"null\"}"), many, 1000,
                   "message-too-large");
}

static void our_own_records_are_valid_json_with_every_field(void **state)
{
    (void)state;
    struct why why = {0};
    const struct prediction prediction = {
        .prediction_id = bytes_from_string("employee-changes/0/7"),
        .employee_id = bytes_from_string("7"),
        .event_id = bytes_from_string("e"),
        .event_time_ms = 1772353800000,
        .has_probability = true,
        .churn_probability = 0.1 + 0.2,
        .band = BAND_LOW,
        .threshold = 0.5,
        .model_id = bytes_from_string("m"),
        .source_topic = bytes_from_string("employee-changes"),
        .source_offset = 7,
    };
    CLEANUP(text_done) struct text message = TEXT_INIT(4096);
    CLEANUP(text_done) struct text out = TEXT_INIT(4096);
    assert_ok(avro_encode_prediction(1, &prediction, &message, &why), &why);
    CLEANUP(avro_json_free_p) struct avro_json *json = NULL;
    assert_ok(avro_json_new(bytes_from_string(avro_topic_find("predictions")->schema), &json, &why),
              &why);
    assert_ok(avro_json_write(
                  json, bytes_of(message.data + AVRO_FRAME_BYTES, message.len - AVRO_FRAME_BYTES),
                  &out, &why),
              &why);
    CLEANUP(json_free_p) struct json *root = NULL;
    assert_ok(json_parse(text_bytes(&out), out.len, 4, &root, &why), &why);
    assert_int_equal(json_count(root), AVRO_PREDICTION_FIELDS);
    assert_true(json_as_number(json_member(root, "churn_probability")) == 0.1 + 0.2);
    assert_string_equal(json_as_string(json_member(root, "event_time")),
                        "2026-03-01T08:30:00.000Z");
    assert_string_equal(json_as_string(json_member(root, "band")), "low");
    assert_int_equal(json_kind(json_member(root, "reason_1")), JSON_KIND_NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_json),
        cmocka_unit_test(numbers_that_json_lacks_are_words),
        cmocka_unit_test(times_are_dates_also_behind_a_reference),
        cmocka_unit_test(broken_bodies_are_refused_as_by_a_program),
        cmocka_unit_test(what_is_claimed_in_few_bytes_is_bounded_by_the_ceiling),
        cmocka_unit_test(our_own_records_are_valid_json_with_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
