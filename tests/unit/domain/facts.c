// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <math.h>

#include "domain/facts.h"

#define ATTRIBUTES                                                                                 \
    "{\"name\":\"N\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":99},"               \
    "{\"name\":\"R\",\"type\":\"real\",\"role\":\"input\",\"min\":-9,\"max\":99},"                 \
    "{\"name\":\"C\",\"type\":\"category\",\"role\":\"input\",\"categories\":[{\"name\":\"x\","    \
    "\"aliases\":[\"ex\"]},{\"name\":\"y\"},{\"name\":\"z\"}]},"                                   \
    "{\"name\":\"P\",\"type\":\"integer\",\"role\":\"audit\",\"min\":0,\"max\":99}"
#define FACT(name, attribute, is_default, bands)                                                   \
    "{\"name\":\"" name "\",\"attribute\":\"" attribute "\",\"default\":" is_default               \
    ",\"bands\":[" bands "]}"
#define WITH(facts)                                                                                \
    "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":[" ATTRIBUTES           \
    "],\"facts\":{\"allowed\":[" facts "],\"never\":[\"P\"]}}"
#define NUMBERS "{\"upto\":3,\"name\":\"few\"},{\"upto\":7.5,\"name\":\"some\"},{\"name\":\"many\"}"
#define THREE                                                                                      \
    WITH(FACT("numbers", "N", "true", NUMBERS) "," FACT("reals", "R", "false", NUMBERS) "," FACT(  \
        "kind", "C", "true",                                                                       \
        "{\"of\":[\"y\"],\"name\":\"why\"},{\"of\":[\"x\"],\"name\":\"ex\"}"))

static struct features *parse(const char *json)
{
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_parse(bytes_from_string(json), &features, &why), &why);
    return features;
}

static struct facts_choice choose(const struct features *features, const char *added)
{
    struct facts_choice choice = {.has_probability = false};
    struct why why = {0};
    assert_ok(facts_choose(features, bytes_from_string(added), &choice, &why), &why);
    return choice;
}

static struct value integer(int64_t number)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = number};
}

static struct value real(double number)
{
    return (struct value){.kind = VALUE_REAL, .real = number};
}

static struct value text(const char *string)
{
    return (struct value){.kind = VALUE_TEXT, .text = bytes_from_string(string)};
}

static void a_value_lies_in_the_first_band_that_reaches_it(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = parse(THREE);
    const struct {
        size_t fact;
        struct value value;
        int band;
    } cases[] = {
        {0, integer(0), 0},
        {0, integer(3), 0},
        {0, integer(4), 1},
        {0, integer(7), 1},
        {0, integer(8), 2},
        {0, integer(99), 2},
        {0, real(3), 0},
        {1, real(-9), 0},
        {1, real(3.0000001), 1},
        {1, real(7.5), 1},
        {1, integer(8), 2},
        {1, real((double)NAN), -1},
        {0, {.kind = VALUE_NULL}, -1},
        {0, text("3"), -1},
        {0, {.kind = VALUE_BOOLEAN, .boolean = true}, -1},
        {2, text("x"), 1},
        {2, text("ex"), 1},
        {2, text("y"), 0},
        {2, text("z"), -1},
        {2, text("w"), -1},
        {2, text(""), -1},
        {2, {.kind = VALUE_TEXT}, -1},
        {2, integer(1), -1},
        {2, {.kind = VALUE_NULL}, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (facts_band(features, &features->facts[cases[i].fact], &cases[i].value) != cases[i].band)
            fail_msg("case %zu", i);
}

static void a_last_band_without_members_holds_every_other_category(void **state)
{
    (void)state;
    CLEANUP(features_free_p)
    struct features *features = parse(
        WITH(FACT("kind", "C", "true", "{\"of\":[\"y\"],\"name\":\"why\"},{\"name\":\"else\"}")));
    const struct value known = text("z"), unknown = text("w");
    assert_int_equal(facts_band(features, &features->facts[0], &known), 1);
    assert_int_equal(facts_band(features, &features->facts[0], &unknown), -1);
}

static void expect(const struct bytes facts[FACTS_MAX][2], size_t at, const char *name,
                   const char *band)
{
    assert_true(bytes_equal_string(facts[at][0], name));
    assert_true(bytes_equal_string(facts[at][1], band));
}

static void only_default_facts_and_those_asked_for_are_told(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = parse(THREE);
    const struct value row[] = {integer(5), real(1), text("ex"), integer(7)};
    struct bytes facts[FACTS_MAX][2];
    struct facts_choice choice = choose(features, "");
    assert_int_equal(facts_of(features, &choice, row, facts), 2);
    expect((const struct bytes(*)[2])facts, 0, "numbers", "some");
    expect((const struct bytes(*)[2])facts, 1, "kind", "ex");
    choice = choose(features, "reals");
    assert_int_equal(facts_of(features, &choice, row, facts), 3);
    expect((const struct bytes(*)[2])facts, 1, "reals", "few");
    assert_false(choice.has_probability);
    const struct value empty[4] = {{.kind = VALUE_NULL}};
    assert_int_equal(facts_of(features, &choice, empty, facts), 0);
}

static void the_list_of_added_facts_is_names_between_commas(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = parse(THREE);
    assert_true(choose(features, " reals , probability ").is_told[1]);
    assert_true(choose(features, "reals,probability").has_probability);
    assert_false(choose(features, "probability").is_told[1]);
    assert_true(choose(features, "numbers,,").is_told[0]);
    static const char *const wrong[] = {"real",         "reals career",  "P",
                                        "reals,Gender", "Reals",         "\xff",
                                        "a\nb",         "probability 5", "numberss"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct facts_choice choice = {.has_probability = true};
        struct why why = {0};
        assert_err(facts_choose(features, bytes_from_string(wrong[i]), &choice, &why), ERR_REJECT,
                   &why);
        assert_string_equal(why.code, "unknown-fact");
        assert_non_null(strstr(why.text, "reals, probability"));
        assert_true(choice.has_probability && !choice.is_told[1]);
    }
}

static void a_fact_of_the_features_may_be_called_probability(void **state)
{
    (void)state;
    CLEANUP(features_free_p)
    struct features *features = parse(WITH(FACT("probability", "N", "false", NUMBERS)));
    const struct facts_choice choice = choose(features, "probability");
    assert_true(choice.is_told[0] && !choice.has_probability);
}

static void every_band_of_the_shipped_file_is_reached_by_some_value(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    for (size_t i = 0; i < features->fact_count; i++) {
        const struct fact *fact = &features->facts[i];
        const struct attribute *attribute = &features->attributes[fact->attribute];
        bool is_hit[32] = {false};
        for (size_t c = 0; c < attribute->category_count; c++) {
            const struct value value = text(attribute->categories[c].name);
            int band = facts_band(features, fact, &value);
            assert_true(band >= 0);
            is_hit[band] = true;
        }
        for (double n = attribute->min; attribute->type != ATTRIBUTE_CATEGORY && n < 100; n++) {
            const struct value value = integer((int64_t)n);
            int band = facts_band(features, fact, &value);
            assert_true(band >= 0);
            is_hit[band] = true;
        }
        for (size_t b = 0; b < fact->band_count; b++)
            assert_true(is_hit[b]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_lies_in_the_first_band_that_reaches_it),
        cmocka_unit_test(a_last_band_without_members_holds_every_other_category),
        cmocka_unit_test(only_default_facts_and_those_asked_for_are_told),
        cmocka_unit_test(the_list_of_added_facts_is_names_between_commas),
        cmocka_unit_test(a_fact_of_the_features_may_be_called_probability),
        cmocka_unit_test(every_band_of_the_shipped_file_is_reached_by_some_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
