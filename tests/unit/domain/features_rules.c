// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/employee.h"
#include "domain/features.h"

#define HEAD                                                                                       \
    "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":["                      \
    "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":99},"               \
    "{\"name\":\"B\",\"type\":\"real\",\"role\":\"input\",\"min\":0,\"max\":99},"                  \
    "{\"name\":\"C\",\"type\":\"category\",\"role\":\"input\",\"categories\":[{\"name\":\"x\"},"   \
    "{\"name\":\"y\"},{\"name\":\"z\"}]},"                                                         \
    "{\"name\":\"D\",\"type\":\"integer\",\"role\":\"audit\",\"min\":0,\"max\":99}],"
#define RULE(id, left, op, right, add, refuse)                                                     \
    "{\"id\":\"" id "\",\"left\":\"" left "\",\"op\":\"" op "\",\"right\":" right ",\"add\":" add  \
    ",\"refuse\":" refuse "}"
#define RULES(list)        HEAD "\"rules\":[" list "]}"
#define FACTS(list, never) HEAD "\"facts\":{\"allowed\":[" list "],\"never\":[" never "]}}"
#define FACT(of, bands)                                                                            \
    "{\"name\":\"f\",\"attribute\":\"" of "\",\"default\":true,\"bands\":[" bands "]}"

static void expect_refusals(const char *const (*wrong)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(features_free_p) struct features *features = NULL;
        struct why why = {0};
        assert_err(features_parse(bytes_from_string(wrong[i][0]), &features, &why), ERR_REJECT,
                   &why);
        if (strstr(why.text, wrong[i][1]) == NULL)
            fail_msg("case %zu: no \"%s\" in: %s", i, wrong[i][1], why.text);
    }
}

static struct features *parse(const char *json)
{
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_parse(bytes_from_string(json), &features, &why), &why);
    return features;
}

static void rules_that_are_not_right_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {RULES("7"), "rules[0]"},
        {RULES(RULE("R", "A", "ge", "\"B\"", "0", "true")), "lower case"},
        {RULES(RULE("r", "E", "ge", "\"B\"", "0", "true")), "not there"},
        {RULES(RULE("r", "C", "ge", "\"B\"", "0", "true")), "no number"},
        {RULES(RULE("r", "A", "ge", "\"C\"", "0", "true")), "no number"},
        {RULES(RULE("r", "A", "over", "\"B\"", "0", "true")), "op"},
        {RULES(RULE("r", "A", "ge", "7", "0", "true")), "right"},
        {RULES(RULE("r", "A", "ge", "\"B\"", "\"0\"", "true")), "add"},
        {RULES(RULE("r", "A", "ge", "\"B\"", "0", "1")), "refuse"},
        {RULES(RULE("r", "A", "ge", "\"B\"", "0", "true") "," RULE("r", "A", "ge", "\"B\"", "0",
                                                                   "true")),
         "twice"},
        {RULES("{\"id\":\"r\",\"left\":\"A\",\"op\":\"ge\",\"add\":0,\"refuse\":true}"), "right"},
    };
    expect_refusals(wrong, ARRAY_LEN(wrong));
}

static void facts_that_are_not_right_or_not_allowed_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {FACTS("7", ""), "allowed[0]"},
        {FACTS(FACT("E", "{\"name\":\"b\"}"), ""), "not there"},
        {FACTS(FACT("D", "{\"name\":\"b\"}"), ""), "audit"},
        {FACTS(FACT("A", "{\"name\":\"b\"}"), "\"A\""), "never[0]"},
        {FACTS(FACT("A", "{\"name\":\"b\"}"), "\"E\""), "never[0]"},
        {FACTS(FACT("A", ""), ""), "no bands"},
        {FACTS(FACT("A", "{\"name\":\"b\",\"upto\":3}"), ""), "last band"},
        {FACTS(FACT("A", "{\"name\":\"b\"},{\"name\":\"c\"}"), ""), "upto"},
        {FACTS(
             FACT("A", "{\"name\":\"b\",\"upto\":3},{\"name\":\"c\",\"upto\":3},{\"name\":\"d\"}"),
             ""),
         "ascend"},
        {FACTS(FACT("A", "{\"name\":\"b\",\"upto\":3},{\"name\":\"b\"}"), ""), "twice"},
        {FACTS(FACT("A", "{\"name\":\"b c\"}"), ""), "lower case"},
        {FACTS(FACT("A", "{\"name\":\"b\",\"of\":[\"x\"]}"), ""), "\"of\""},
        {FACTS(FACT("C", "{\"name\":\"b\",\"of\":[\"w\"]}"), ""), "of names"},
        {FACTS(FACT("C", "{\"name\":\"b\",\"of\":[\"x\"]},{\"name\":\"c\",\"of\":[\"x\"]}"), ""),
         "of names"},
        {FACTS(FACT("C", "{\"name\":\"b\"},{\"name\":\"c\"}"), ""), "of"},
        {FACTS(FACT("A", "{\"name\":\"b\"}") "," FACT("B", "{\"name\":\"b\"}"), ""), "twice"},
        {HEAD "\"facts\":{\"allowed\":[]}}", "never"},
    };
    expect_refusals(wrong, ARRAY_LEN(wrong));
}

static struct value number(int64_t integer)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

static void a_rule_holds_between_two_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t a;
        double b;
        bool holds;
    } cases[] = {
        {RULES(RULE("r", "A", "lt", "\"B\"", "1", "true")), 5, 4.5, true},
        {RULES(RULE("r", "A", "lt", "\"B\"", "1", "true")), 5, 4, false},
        {RULES(RULE("r", "A", "le", "\"B\"", "1", "true")), 5, 4, true},
        {RULES(RULE("r", "A", "eq", "\"B\"", "0", "true")), 5, 5, true},
        {RULES(RULE("r", "A", "eq", "\"B\"", "0", "true")), 5, 5.5, false},
        {RULES(RULE("r", "A", "ne", "\"B\"", "0", "true")), 5, 5, false},
        {RULES(RULE("r", "A", "ge", "\"B\"", "-2", "true")), 5, 7, true},
        {RULES(RULE("r", "A", "ge", "\"B\"", "-2", "true")), 4, 7, false},
        {RULES(RULE("r", "A", "gt", "null", "4", "true")), 5, 0, true},
        {RULES(RULE("r", "A", "gt", "null", "5", "true")), 5, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(features_free_p) struct features *features = parse(cases[i].json);
        struct value row[4] = {number(cases[i].a), {.kind = VALUE_REAL, .real = cases[i].b}};
        assert_true(employee_keeps(&features->rules[0], row) == cases[i].holds);
        struct why why = {0};
        assert_err(employee_check_attributes(features, row, &why),
                   cases[i].holds ? ERR_OK : ERR_REJECT, &why);
        assert_true(cases[i].holds || strcmp(why.code, "implausible") == 0);
        row[0].kind = VALUE_NULL;
        assert_true(employee_keeps(&features->rules[0], row));
    }
}

static void a_rule_that_does_not_refuse_lets_the_record_pass(void **state)
{
    (void)state;
    CLEANUP(features_free_p)
    struct features *features = parse(RULES(RULE("r", "A", "ge", "\"B\"", "0", "false")));
    struct value row[4] = {number(1), number(2)};
    struct why why = {0};
    assert_ok(employee_check_attributes(features, row, &why), &why);
    assert_false(employee_keeps(&features->rules[0], row));
}

static void the_shipped_file_keeps_protected_attributes_from_plans(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    assert_true(features->rule_count > 0 && features->fact_count > 0);
    for (size_t i = 0; i < features->fact_count; i++)
        assert_true(features->attributes[features->facts[i].attribute].is_input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_that_are_not_right_are_refused),
        cmocka_unit_test(facts_that_are_not_right_or_not_allowed_are_refused),
        cmocka_unit_test(a_rule_holds_between_two_numbers),
        cmocka_unit_test(a_rule_that_does_not_refuse_lets_the_record_pass),
        cmocka_unit_test(the_shipped_file_keeps_protected_attributes_from_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
