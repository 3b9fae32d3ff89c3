// SPDX-License-Identifier: MIT
// What a features file says about attributes for people and for explanations.
#include "support/check.h"

#include <stdio.h>

#include "base/mem.h"
#include "domain/features.h"

#define FILE_OF(attributes)                                                                        \
    "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":[" attributes "]}"
#define NUMBER(more)                                                                               \
    "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":9," more "}"
#define NUMBER_B "{\"name\":\"B\",\"type\":\"real\",\"role\":\"input\",\"min\":0,\"max\":9}"
#define AUDIT(more)                                                                                \
    "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"audit\",\"min\":0,\"max\":9," more "}"
#define TEXTS(more)                                                                                \
    "{\"name\":\"A\",\"type\":\"category\",\"role\":\"input\",\"categories\":[{\"name\":\"x\","    \
    "\"aliases\":[\"y\"]},{\"name\":\"z\"}]," more "}"

static struct features *load(void)
{
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    return features;
}

static const struct attribute *attribute(const struct features *features, const char *name)
{
    int at = features_find(features, bytes_from_string(name));
    assert_true(at >= 0);
    return &features->attributes[at];
}

static void people_read_words_in_their_language(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = load();
    const struct attribute *over_time = attribute(features, "OverTime");
    assert_string_equal(words_or(&over_time->words, LANGUAGE_EN, "OverTime"), "overtime");
    assert_string_equal(words_or(&over_time->words, LANGUAGE_FR, "OverTime"),
                        "heures supplémentaires");
    const struct category *yes =
        &over_time->categories[attribute_category(over_time, bytes_from_string("Yes"))];
    assert_string_equal(words_or(&yes->words, LANGUAGE_FR, yes->name), "oui");
    const struct words none = {{NULL, NULL}};
    assert_string_equal(words_or(&none, LANGUAGE_FR, "Kept"), "Kept");
    const struct attribute *balance = attribute(features, "WorkLifeBalance");
    assert_string_equal(attribute_label(balance, 1, LANGUAGE_EN), "bad");
    assert_null(attribute_label(balance, 7, LANGUAGE_EN));
    enum language language = LANGUAGE_EN;
    assert_true(language_from_text(bytes_from_string("fr"), &language));
    assert_int_equal(language, LANGUAGE_FR);
    assert_false(language_from_text(bytes_from_string("de"), &language));
}

static void what_can_be_changed_is_said(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = load();
    const struct attribute *over_time = attribute(features, "OverTime");
    assert_non_null(over_time->actionable.to);
    assert_true(over_time->actionable.to[attribute_category(over_time, bytes_from_string("No"))]);
    assert_false(over_time->actionable.to[attribute_category(over_time, bytes_from_string("Yes"))]);
    const struct attribute *income = attribute(features, "MonthlyIncome");
    assert_true(income->actionable.is_up && !income->actionable.is_down);
    assert_true(income->actionable.step > 0 && income->actionable.step <= income->actionable.by);
    assert_null(attribute(features, "JobRole")->actionable.to);
    for (size_t i = 0; i < features->count; i++)
        assert_true(features->attributes[i].is_input ||
                    (!features->attributes[i].actionable.is_up &&
                     features->attributes[i].actionable.to == NULL));
}

static void a_hash_finds_what_a_search_would(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = load();
    size_t found = 0;
    for (size_t i = 0; i < features->count; i++) {
        const struct attribute *of = &features->attributes[i];
        for (size_t c = 0; c < of->category_count; c++) {
            assert_int_equal(attribute_category(of, bytes_from_string(of->categories[c].name)), c);
            for (size_t a = 0; a < of->categories[c].alias_count; a++)
                assert_int_equal(
                    attribute_category(of, bytes_from_string(of->categories[c].aliases[a])), c);
            found++;
        }
    }
    assert_true(found > 20);
    assert_int_equal(attribute_category(attribute(features, "JobRole"), (struct bytes){0}), -1);
}

static void a_column_is_found_by_its_other_names(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = load();
    int income = features_find(features, bytes_from_string("MonthlyIncome"));
    assert_int_equal(features_find_header(features, bytes_from_string("MonthlyIncome")), income);
    assert_int_equal(features_find_header(features, bytes_from_string("Monthly Income")), income);
    assert_int_equal(features_find_header(features, bytes_from_string("monthly income")), -1);
}

static void good_extras_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        FILE_OF(NUMBER("\"labels\":[{\"value\":1},{\"value\":2}]")),
        FILE_OF(NUMBER("\"headers\":[\"a\",\"b\"]")),
        FILE_OF(NUMBER("\"policies\":{\"missing\":\"reject\",\"outside\":\"score\"}")),
        FILE_OF(TEXTS("\"policies\":{\"unknown\":\"x\"}")),
        FILE_OF(NUMBER("\"steps\":[{\"op\":\"le\",\"value\":3}]")),
        FILE_OF(NUMBER("\"actionable\":{\"direction\":\"both\",\"step\":1,\"by\":5}")),
        FILE_OF(TEXTS("\"actionable\":{\"to\":[\"y\"]}")),
        FILE_OF(AUDIT("\"groups\":[3,5]")),
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        CLEANUP(features_free_p) struct features *features = NULL;
        struct why why = {0};
        assert_ok(features_parse(bytes_from_string(good[i]), &features, &why), &why);
    }
}

static void extras_that_are_not_right_are_refused_with_the_place(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {FILE_OF(NUMBER("\"words\":{\"en\":\"a\"}")), "words.fr"},
        {FILE_OF(NUMBER("\"words\":{\"en\":\"a\",\"fr\":\"\"}")), "words.fr"},
        {FILE_OF(NUMBER("\"words\":{\"en\":\"a\",\"fr\":\"b\",\"de\":\"c\"}")), "\"de\""},
        {FILE_OF(NUMBER("\"words\":\"a\"")), "words"},
        {FILE_OF(NUMBER("\"labels\":[{\"value\":1},{\"value\":1}]")), "twice"},
        {FILE_OF(NUMBER("\"labels\":[{\"value\":10}]")), "labels[0]"},
        {FILE_OF(NUMBER("\"labels\":[7]")), "labels[0]"},
        {FILE_OF(TEXTS("\"labels\":[]")), "\"labels\""},
        {FILE_OF(NUMBER("\"headers\":[\"\"]")), "headers[0]"},
        {FILE_OF(NUMBER("\"headers\":\"a\"")), "headers"},
        {FILE_OF(NUMBER("\"headers\":[\"B\"]") "," NUMBER_B), "headers[0]"},
        {FILE_OF(NUMBER("\"policies\":{\"unknown\":\"zero\"}")), "\"unknown\""},
        {FILE_OF(NUMBER("\"policies\":{\"missing\":\"guess\"}")), "policies.missing"},
        {FILE_OF(NUMBER("\"policies\":{\"outside\":\"cut\"}")), "policies.outside"},
        {FILE_OF(TEXTS("\"policies\":{\"unknown\":\"w\"}")), "policies.unknown"},
        {FILE_OF(AUDIT("\"policies\":{}")), "inputs only"},
        {FILE_OF(NUMBER("\"steps\":[{\"op\":\"lt\",\"value\":3}]")), "steps[0]"},
        {FILE_OF(NUMBER("\"steps\":[{\"op\":\"le\",\"value\":30}]")), "steps[0]"},
        {FILE_OF(AUDIT("\"steps\":[]")), "inputs only"},
        {FILE_OF(NUMBER("\"actionable\":{\"direction\":\"left\",\"step\":1,\"by\":5}")),
         "direction"},
        {FILE_OF(NUMBER("\"actionable\":{\"direction\":\"up\",\"step\":0,\"by\":5}")), "step"},
        {FILE_OF(NUMBER("\"actionable\":{\"direction\":\"up\",\"step\":1,\"by\":65}")), "64"},
        {FILE_OF(NUMBER("\"actionable\":{\"direction\":\"up\",\"step\":6,\"by\":5}")), "step"},
        {FILE_OF(NUMBER("\"actionable\":{\"direction\":\"up\",\"step\":0.5,\"by\":5}")), "whole"},
        {FILE_OF(NUMBER("\"actionable\":{\"to\":[1]}")), "\"to\""},
        {FILE_OF(TEXTS("\"actionable\":{\"to\":[]}")), "to is empty"},
        {FILE_OF(TEXTS("\"actionable\":{\"to\":[\"w\"]}")), "to names"},
        {FILE_OF(TEXTS("\"actionable\":{\"to\":[\"x\",\"y\"]}")), "to names"},
        {FILE_OF(AUDIT("\"actionable\":{\"direction\":\"up\",\"step\":1,\"by\":5}")), "inputs"},
        {FILE_OF(NUMBER("\"groups\":[3]")), "audit"},
        {FILE_OF(AUDIT("\"groups\":[5,3]")), "ascend"},
        {FILE_OF(AUDIT("\"groups\":[\"3\"]")), "no number"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(features_free_p) struct features *features = NULL;
        struct why why = {0};
        assert_err(features_parse(bytes_from_string(wrong[i][0]), &features, &why), ERR_REJECT,
                   &why);
        if (strstr(why.text, wrong[i][1]) == NULL)
            fail_msg("case %zu: no \"%s\" in: %s", i, wrong[i][1], why.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_read_words_in_their_language),
        cmocka_unit_test(what_can_be_changed_is_said),
        cmocka_unit_test(a_hash_finds_what_a_search_would),
        cmocka_unit_test(a_column_is_found_by_its_other_names),
        cmocka_unit_test(good_extras_are_read),
        cmocka_unit_test(extras_that_are_not_right_are_refused_with_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
