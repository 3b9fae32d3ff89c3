// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/features.h"

static const char three_types[] =
    "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":["
    "{\"name\":\"Grade\",\"type\":\"integer\",\"role\":\"input\",\"min\":1,\"max\":9},"
    "{\"name\":\"PayRatio\",\"type\":\"real\",\"role\":\"input\",\"min\":0,\"max\":4},"
    "{\"name\":\"Site\",\"type\":\"category\",\"role\":\"audit\",\"categories\":[{\"name\":\"A\"}]}"
    "]}";

static struct features *parse(void)
{
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_parse(bytes_from_string(three_types), &features, &why), &why);
    return features;
}

static void each_attribute_is_a_nullable_field_behind_those_of_every_event(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = parse();
    CLEANUP(text_done) struct text schema = TEXT_INIT(65536);
    assert_int_equal(features_write_schema(features, &schema), ERR_OK);
    static const char tail[] =
        "    {\"name\": \"requested_by\", \"type\": [\"null\", \"string\"], \"default\": null},\n"
        "    {\"name\": \"Grade\", \"type\": [\"null\", \"int\"], \"default\": null},\n"
        "    {\"name\": \"PayRatio\", \"type\": [\"null\", \"double\"], \"default\": null},\n"
        "    {\"name\": \"Site\", \"type\": [\"null\", \"string\"], \"default\": null}\n"
        "  ]\n"
        "}\n";
    assert_true(schema.len > sizeof tail);
    assert_string_equal(text_string(&schema) + schema.len - (sizeof tail - 1), tail);
}

static void each_attribute_is_a_column_of_its_type(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = parse();
    CLEANUP(text_done) struct text columns = TEXT_INIT(65536);
    assert_int_equal(features_write_columns(features, &columns), ERR_OK);
    assert_string_equal(text_string(&columns),
                        "grade integer\npay_ratio double precision\nsite text\n");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = parse();
    CLEANUP(text_done) struct text small = TEXT_INIT(100);
    assert_int_equal(features_write_schema(features, &small), ERR_REJECT);
    CLEANUP(text_done) struct text smaller = TEXT_INIT(20);
    assert_int_equal(features_write_columns(features, &smaller), ERR_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attribute_is_a_nullable_field_behind_those_of_every_event),
        cmocka_unit_test(each_attribute_is_a_column_of_its_type),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
