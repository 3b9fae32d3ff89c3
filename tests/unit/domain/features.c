// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "domain/features.h"

#define HEAD "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":["

static struct features *load(void)
{
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    return features;
}

static int find(const struct features *features, const char *name)
{
    return features_find(features, bytes_from_string(name));
}

static void the_shipped_file_has_the_thirty_attributes(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = load();
    assert_int_equal(features->count, 30);
    assert_string_equal(features->attributes[0].name, "Age");
    assert_string_equal(features->attributes[29].column, "years_with_curr_manager");
    static const char *const audit[] = {"Age", "Gender", "MaritalStatus"};
    size_t audit_count = 0;
    for (size_t i = 0; i < features->count; i++)
        audit_count += features->attributes[i].is_input ? 0 : 1;
    assert_int_equal(audit_count, ARRAY_LEN(audit));
    for (size_t i = 0; i < ARRAY_LEN(audit); i++)
        assert_false(features->attributes[find(features, audit[i])].is_input);
    assert_int_equal(find(features, "EmployeeNumber"), -1);
}

static void every_spelling_of_a_category_is_the_same_category(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = load();
    const struct attribute *department = &features->attributes[find(features, "Department")];
    int name = attribute_category(department, bytes_from_string("Research & Development"));
    assert_true(name >= 0);
    assert_int_equal(attribute_category(department, bytes_from_string("Research_Development")),
                     name);
    assert_int_equal(attribute_category(department, bytes_from_string("research_development")), -1);
    assert_int_equal(attribute_category(department, bytes_from_string("")), -1);
}

static void columns_are_names_in_lower_snake_case(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"Age", "age"},
                                           {"NumCompaniesWorked", "num_companies_worked"},
                                           {"HRScore", "hr_score"},
                                           {"PayIn2024Q", "pay_in2024_q"},
                                           {"Already_Split", "already_split"},
                                           {"lower", "lower"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char json[256];
        int len = snprintf(
            json, sizeof json,
            HEAD "{\"name\":\"%s\",\"type\":\"real\",\"role\":\"input\",\"min\":0,\"max\":1}]}",
            pairs[i][0]);
        CLEANUP(features_free_p) struct features *features = NULL;
        struct why why = {0};
        assert_ok(features_parse(bytes_of(json, (size_t)len), &features, &why), &why);
        assert_string_equal(features->attributes[0].column, pairs[i][1]);
    }
}

#define NUMBER(name)                                                                               \
    "{\"name\":\"" name "\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":9}"
#define TEXTS(list)                                                                                \
    "{\"name\":\"A\",\"type\":\"category\",\"role\":\"input\",\"categories\":[" list "]}"

static void a_file_that_is_not_right_is_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *place;
    } wrong[] = {
        {"[]", "object"},
        {"{\"format\":\"features\",\"format_version\":1,\"attributes\":[]}", "format"},
        {"{\"format\":\"employee-features\",\"format_version\":2,\"attributes\":[" NUMBER("A") "]}",
         "format_version"},
        {"{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":[" NUMBER(
             "A") "],\"x\":1}",
         "\"x\""},
        {HEAD "]}", "no attributes"},
        {HEAD "1]}", "attributes[0]"},
        {HEAD NUMBER("A") "," NUMBER("A") "]}", "attributes[1]"},
        {HEAD NUMBER("PayRate") "," NUMBER("Pay_Rate") "]}", "same column"},
        {HEAD NUMBER("1A") "]}", "name"},
        {HEAD NUMBER("A b") "]}", "name"},
        {HEAD NUMBER("EventTime") "]}", "event_time"},
        {HEAD NUMBER("ABCDEFGHIJabcdefghijABCDEFGHIJabcdefghijABCDEFGHIJabcdefghijABCD") "]}",
         "name"},
        {HEAD NUMBER("AaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAa") "]}", "column"},
        {HEAD "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"input\",\"min\":0}]}", "max"},
        {HEAD "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"input\",\"min\":5,\"max\":5}]}",
         "min"},
        {HEAD "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"input\",\"min\":0.5,\"max\":5}]}",
         "whole"},
        {HEAD
         "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":2147483648}]}",
         "32 bits"},
        {HEAD "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"secret\",\"min\":0,\"max\":5}]}",
         "role"},
        {HEAD "{\"name\":\"A\",\"type\":\"date\",\"role\":\"input\",\"min\":0,\"max\":5}]}",
         "type"},
        {HEAD "{\"name\":\"A\",\"type\":\"real\",\"role\":\"input\",\"min\":0,\"max\":5,\"unit\":"
              "\"m\"}]}",
         "\"unit\""},
        {HEAD "{\"name\":\"A\",\"type\":\"category\",\"role\":\"input\",\"min\":0,\"max\":5}]}",
         "\"min\""},
        {HEAD TEXTS("") "]}", "empty"},
        {HEAD TEXTS("\"x\"") "]}", "categories[0]"},
        {HEAD TEXTS("{\"name\":\"\"}") "]}", "categories[0]"},
        {HEAD TEXTS("{\"name\":\"x\\ny\"}") "]}", "categories[0]"},
        {HEAD TEXTS("{\"name\":\"x\",\"alias\":\"y\"}") "]}", "\"alias\""},
        {HEAD TEXTS("{\"name\":\"x\",\"aliases\":\"y\"}") "]}", "aliases"},
        {HEAD TEXTS("{\"name\":\"x\",\"aliases\":[\"y\",1]}") "]}", "categories[0]"},
        {HEAD TEXTS("{\"name\":\"x\"},{\"name\":\"x\"}") "]}", "twice"},
        {HEAD TEXTS("{\"name\":\"x\",\"aliases\":[\"y\"]},{\"name\":\"y\"}") "]}", "twice"},
        {HEAD TEXTS("{\"name\":\"x\",\"aliases\":[\"x\"]}") "]}", "twice"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(features_free_p) struct features *features = NULL;
        struct why why = {0};
        assert_err(features_parse(bytes_from_string(wrong[i].json), &features, &why), ERR_REJECT,
                   &why);
        assert_null(features);
        if (strstr(why.text, wrong[i].place) == NULL)
            fail_msg("case %zu: no \"%s\" in: %s", i, wrong[i].place, why.text);
    }
}

static void too_many_attributes_are_refused_before_they_are_read(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text json = TEXT_INIT(1 << 20);
    assert_int_equal(text_append_string(&json, HEAD), ERR_OK);
    for (int i = 0; i <= FEATURES_MAX; i++)
        assert_int_equal(text_printf(&json, "%s1", i == 0 ? "" : ","), ERR_OK);
    assert_int_equal(text_append_string(&json, "]}"), ERR_OK);
    struct features *features = NULL;
    struct why why = {0};
    assert_err(features_parse(text_bytes(&json), &features, &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "256"));
}

static void a_file_that_is_missing_is_fatal(void **state)
{
    (void)state;
    struct features *features = NULL;
    struct why why = {0};
    assert_err(features_load("/nowhere/features.json", &features, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "/nowhere/features.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_file_has_the_thirty_attributes),
        cmocka_unit_test(every_spelling_of_a_category_is_the_same_category),
        cmocka_unit_test(columns_are_names_in_lower_snake_case),
        cmocka_unit_test(a_file_that_is_not_right_is_refused_with_the_place),
        cmocka_unit_test(too_many_attributes_are_refused_before_they_are_read),
        cmocka_unit_test(a_file_that_is_missing_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
