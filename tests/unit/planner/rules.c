// SPDX-License-Identifier: MIT
#include "unit/planner/fixture.h"

#include "json/json.h"
#include "planner/rules.h"

static struct rules *make_rules(const struct features *features, const struct check *check)
{
    struct rules *rules = NULL;
    struct why why = {0};
    assert_ok(rules_new(features, check, &rules, &why), &why);
    return rules;
}

// Features with a check and rules.
struct world {
    struct features *features;
    struct check *check;
    struct rules *rules;
};
static struct world world_of(struct features *features)
{
    struct world world = {.features = features, .check = make_check(features)};
    world.rules = make_rules(world.features, world.check);
    return world;
}
static void world_done(struct world *world)
{
    rules_free(world->rules);
    check_free(world->check);
    features_free(world->features);
}

static struct basis empty_basis(enum language language)
{
    struct basis basis = {.language = language, .band = BAND_HIGH, .probability_percent = -1};
    for (size_t i = 0; i < FACTS_MAX; i++)
        basis.bands[i] = -1;
    return basis;
}

static void add_reason(struct basis *basis, size_t attribute, bool raises)
{
    basis->reasons[basis->reason_count].attribute = attribute;
    basis->reasons[basis->reason_count++].raises = raises;
}

// What the rules write goes the way of a model's answer.
static void expect_plan(const struct world *world, const struct basis *basis)
{
    struct actions actions, read;
    CLEANUP(text_done) struct text answer = TEXT_INIT(16384);
    rules_write(world->rules, basis, &actions);
    for (int i = 0; i < ACTIONS; i++) {
        assert_int_equal(text_printf(&answer, "%s\"action_%d\":", i == 0 ? "{" : ",", i + 1),
                         ERR_OK);
        assert_int_equal(json_write_string(&answer, bytes_from_string(actions.text[i])), ERR_OK);
    }
    assert_int_equal(text_append_string(&answer, "}"), ERR_OK);
    struct verdict verdict =
        check_answer(world->check, basis->language, text_bytes(&answer), &read);
    if (verdict.fault != FAULT_NONE)
        fail_msg("%s: %s", fault_code(verdict.fault), text_string(&answer));
    for (int i = 0; i < ACTIONS; i++)
        assert_string_equal(read.text[i], actions.text[i]);
}

// Every pair of reasons, both directions of each, both languages; a third one that repeats.
static void expect_plans_for_all_pairs(struct features *features)
{
    struct world world = world_of(features);
    for (size_t a = 0; a < features->count; a++)
        for (size_t b = 0; b < features->count; b++)
            for (int i = 0; a != b && features->attributes[a].is_input &&
                            features->attributes[b].is_input && i < 8;
                 i++) {
                struct basis basis = empty_basis(i < 4 ? LANGUAGE_EN : LANGUAGE_FR);
                size_t c = (a + b) % features->count;
                add_reason(&basis, a, (i & 1) != 0);
                add_reason(&basis, b, (i & 2) != 0);
                if (c != a && c != b && features->attributes[c].is_input)
                    add_reason(&basis, c, (a + b) % 3 != 0);
                expect_plan(&world, &basis);
            }
    world_done(&world);
}

static void every_pair_of_reasons_of_the_shipped_features_makes_a_plan(void **state)
{
    (void)state;
    expect_plans_for_all_pairs(load_features(SHIPPED));
}

static void every_pair_of_reasons_of_other_features_makes_a_plan(void **state)
{
    (void)state;
    expect_plans_for_all_pairs(load_features(SECOND));
}

static void facts_alone_and_nothing_at_all_make_a_plan(void **state)
{
    (void)state;
    struct world world = world_of(load_features(SHIPPED));
    for (int language = 0; language < LANGUAGES; language++) {
        struct basis basis = empty_basis((enum language)language);
        expect_plan(&world, &basis);
        for (size_t i = 0; i < world.features->fact_count; i++)
            for (size_t b = 0; b < world.features->facts[i].band_count; b++) {
                basis = empty_basis((enum language)language);
                basis.bands[i] = (int)b;
                expect_plan(&world, &basis);
                basis.bands[(i * 7 + b) % world.features->fact_count] = 0;
                expect_plan(&world, &basis);
            }
    }
    world_done(&world);
}

static size_t place_of(const struct features *features, const char *attribute)
{
    int at = features_find(features, bytes_from_string(attribute));
    assert_true(at >= 0);
    return (size_t)at;
}

static void reasons_come_before_facts_and_raising_before_lowering(void **state)
{
    (void)state;
    struct world world = world_of(load_features(SHIPPED));
    struct basis basis = empty_basis(LANGUAGE_EN);
    struct actions actions;
    add_reason(&basis, place_of(world.features, "WorkLifeBalance"), false);
    add_reason(&basis, place_of(world.features, "OverTime"), true);
    for (size_t i = 0; i < world.features->fact_count; i++)
        if (strcmp(world.features->facts[i].name, "commute") == 0)
            basis.bands[i] = 2;
        else if (strcmp(world.features->facts[i].name, "overtime") == 0)
            basis.bands[i] = 1; // the reason has spoken of it already
    rules_write(world.rules, &basis, &actions);
    assert_non_null(strstr(actions.text[0], "cap overtime"));
    assert_non_null(strstr(actions.text[1], "commute"));
    assert_non_null(strstr(actions.text[2], "Protect the work-life balance"));
    struct actions again;
    rules_write(world.rules, &basis, &again);
    assert_memory_equal(actions.text[1], again.text[1], strlen(again.text[1]));
    world_done(&world);
}

static void attributes_of_other_companies_are_called_by_their_words(void **state)
{
    (void)state;
    struct world world = world_of(load_features(SECOND));
    struct basis basis = empty_basis(LANGUAGE_FR);
    struct actions actions;
    add_reason(&basis, place_of(world.features, "Shift"), true);
    add_reason(&basis, place_of(world.features, "ManagerChanges"), true);
    rules_write(world.rules, &basis, &actions);
    assert_non_null(strstr(actions.text[0], "ce qui peut changer"));
    assert_non_null(strstr(actions.text[0], "« horaire »"));
    assert_non_null(strstr(actions.text[1], "« changements de responsable dans l'année »"));
    world_done(&world);
}

static void words_that_would_not_pass_are_not_said(void **state)
{
    (void)state;
    static const char json[] =
        "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":["
        "{\"name\":\"A\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":9,"
        "\"words\":{\"en\":\"<b>pregnancy</b>\",\"fr\":\"=grossesse\"}},"
        "{\"name\":\"B\",\"type\":\"integer\",\"role\":\"input\",\"min\":0,\"max\":9,"
        "\"words\":{\"en\":\"sick {} %s %n\",\"fr\":\"{}{}\"}}]}";
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_parse(bytes_from_string(json), &features, &why), &why);
    expect_plans_for_all_pairs(features);
}

static void every_input_has_sentences_of_its_own(void **state)
{
    (void)state;
    struct world world = world_of(load_features(SHIPPED));
    for (size_t a = 0; a < world.features->count; a++)
        for (int i = 0; world.features->attributes[a].is_input && i < 4; i++) {
            struct basis basis = empty_basis(i < 2 ? LANGUAGE_EN : LANGUAGE_FR);
            struct basis nothing = basis;
            struct actions actions, usual;
            add_reason(&basis, a, i % 2 == 0);
            rules_write(world.rules, &basis, &actions);
            rules_write(world.rules, &nothing, &usual);
            if (strcmp(actions.text[0], usual.text[0]) == 0)
                fail_msg("%s has no sentence of its own", world.features->attributes[a].name);
        }
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_reasons_of_the_shipped_features_makes_a_plan),
        cmocka_unit_test(every_pair_of_reasons_of_other_features_makes_a_plan),
        cmocka_unit_test(facts_alone_and_nothing_at_all_make_a_plan),
        cmocka_unit_test(reasons_come_before_facts_and_raising_before_lowering),
        cmocka_unit_test(attributes_of_other_companies_are_called_by_their_words),
        cmocka_unit_test(words_that_would_not_pass_are_not_said),
        cmocka_unit_test(every_input_has_sentences_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
