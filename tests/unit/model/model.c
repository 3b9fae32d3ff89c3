// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "model/model.h"
#include "model/parts.h"
#include "unit/model/artefact.h"

struct world {
    struct features *features;
    struct model *model;
    struct value row[FEATURES_MAX]; // somebody typical
};

static size_t attribute(const struct world *world, const char *name)
{
    int index = features_find(world->features, bytes_from_string(name));
    assert_true(index >= 0);
    return (size_t)index;
}

static struct value integer(int64_t number)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = number};
}

static struct value text(const char *string)
{
    return (struct value){.kind = VALUE_TEXT, .text = bytes_from_string(string)};
}

static struct value typical(const struct world *world, const struct input *input)
{
    const struct attribute *of = &world->features->attributes[input->attribute];
    if (input->type != ATTRIBUTE_CATEGORY)
        return integer((int64_t)input->imputed);
    size_t i = 0;
    while (input->levels[i] != (int)input->imputed)
        i++;
    return text(of->categories[i].name);
}

static void make_typical(struct world *world)
{
    memset(world->row, 0, sizeof world->row);
    for (size_t i = 0; i < world->model->input_count; i++)
        world->row[world->model->inputs[i].attribute] = typical(world, &world->model->inputs[i]);
}

static int setup(void **state)
{
    static struct world world;
    world.features = shipped_features();
    world.model = shipped_model(world.features);
    make_typical(&world);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    model_free(world->model);
    features_free(world->features);
    return 0;
}

static struct score score(const struct world *world)
{
    struct score score;
    model_score(world->model, world->row, &score);
    return score;
}

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

// A row of values that the features file allows; nulls and unknown levels now and then.
static void make_random(struct world *world, uint64_t *random, bool is_wild)
{
    for (size_t i = 0; i < world->features->count; i++) {
        const struct attribute *of = &world->features->attributes[i];
        uint64_t dice = next(random);
        if (is_wild && dice % 13 == 0)
            world->row[i] = (struct value){.kind = VALUE_NULL};
        else if (is_wild && of->type == ATTRIBUTE_CATEGORY && dice % 97 == 1)
            world->row[i] = text("no such level");
        else if (of->type == ATTRIBUTE_CATEGORY)
            world->row[i] = text(of->categories[(dice >> 8) % of->category_count].name);
        else
            world->row[i] = integer((int64_t)of->min +
                                    (int64_t)((dice >> 8) % (uint64_t)(of->max - of->min + 1)));
    }
}

static void contributions_and_base_are_the_score(void **state)
{
    struct world *world = *state;
    double contributions[FEATURES_MAX];
    uint64_t random = 42;
    for (int i = 0; i < 2000; i++) {
        make_random(world, &random, false);
        struct score got = score(world);
        assert_true(model_contributions(world->model, world->row, contributions));
        double sum = got.base_log_odds;
        for (size_t j = 0; j < world->features->count; j++)
            sum += contributions[j];
        // Incomes far outside the training range make log-odds of hundreds.
        assert_near(sum, got.log_odds, 1e-12 * fmax(1, fabs(got.log_odds)));
        assert_near(got.probability, 1 / (1 + exp(-got.log_odds)), 1e-15);
        for (size_t j = 0; j < got.reason_count; j++)
            assert_true(contributions[got.reasons[j].attribute] == got.reasons[j].weight);
    }
}

static void reasons_are_the_largest_contributions_in_their_order(void **state)
{
    struct world *world = *state;
    double contributions[FEATURES_MAX];
    uint64_t random = 7;
    for (int i = 0; i < 2000; i++) {
        make_random(world, &random, true);
        struct score got = score(world);
        if (got.band == BAND_UNKNOWN)
            continue;
        assert_true(model_contributions(world->model, world->row, contributions));
        for (size_t j = 0; j < PREDICTION_REASONS; j++) {
            size_t best = 0;
            for (size_t k = 1; k < world->features->count; k++)
                if (fabs(contributions[k]) > fabs(contributions[best]))
                    best = k;
            bool is_reason = fabs(contributions[best]) >= MODEL_REASON_MIN;
            assert_int_equal(is_reason, j < got.reason_count);
            if (is_reason)
                assert_int_equal(got.reasons[j].attribute, best);
            contributions[best] = 0;
        }
    }
}

static void the_same_row_gives_the_same_bits(void **state)
{
    struct world *world = *state;
    uint64_t random = 99;
    for (int i = 0; i < 500; i++) {
        make_random(world, &random, false);
        struct score first = score(world), second = score(world);
        assert_memory_equal(&first.log_odds, &second.log_odds, sizeof first.log_odds);
        for (size_t j = 0; j < world->features->count; j++)
            if (world->row[j].kind == VALUE_INTEGER)
                world->row[j] =
                    (struct value){.kind = VALUE_REAL, .real = (double)world->row[j].integer};
        struct score as_reals = score(world);
        assert_memory_equal(&first.log_odds, &as_reals.log_odds, sizeof first.log_odds);
    }
}

static void tables_hold_what_the_terms_give(void **state)
{
    struct world *world = *state;
    size_t tables = 0;
    for (size_t i = 0; i < world->model->input_count; i++) {
        const struct input *input = &world->model->inputs[i];
        for (size_t j = 0; j < input->table_count; j++)
            assert_true(input->table[j] == model_contribution(input, input->table_min + (double)j));
        tables += input->table_count > 0 ? 1 : 0;
    }
    assert_true(tables > 20);
}

static void a_missing_value_is_scored_as_the_typical_one_and_counted(void **state)
{
    struct world *world = *state;
    struct score full = score(world);
    assert_int_equal(full.missing_count, 0);
    world->row[attribute(world, "MonthlyIncome")].kind = VALUE_NULL;
    world->row[attribute(world, "JobRole")].kind = VALUE_NULL;
    struct score got = score(world);
    assert_int_equal(got.missing_count, 2);
    assert_true(got.log_odds == full.log_odds);
    assert_int_equal(got.band, full.band);
}

static void an_unknown_level_gives_band_unknown_and_no_number(void **state)
{
    struct world *world = *state;
    double contributions[FEATURES_MAX] = {7};
    world->row[attribute(world, "JobRole")] = text("Astronaut");
    struct score got = score(world);
    assert_int_equal(got.band, BAND_UNKNOWN);
    assert_true(isnan(got.probability) && isnan(got.log_odds));
    assert_int_equal(got.reason_count, 0);
    assert_false(model_contributions(world->model, world->row, contributions));
    assert_true(contributions[0] == 7);
}

static void every_spelling_of_a_level_scores_the_same(void **state)
{
    struct world *world = *state;
    size_t role = attribute(world, "JobRole");
    world->row[role] = text("Sales Representative");
    struct score name = score(world);
    world->row[role] = text("Sales_Representative");
    struct score alias = score(world);
    assert_true(name.log_odds == alias.log_odds && alias.outside_count == 0);
}

static void a_value_outside_the_training_range_is_scored_and_counted(void **state)
{
    struct world *world = *state;
    size_t level = attribute(world, "JobLevel"), income = attribute(world, "MonthlyIncome");
    world->row[level] = integer(5);
    assert_int_equal(score(world).outside_count, 0);
    world->row[level] = integer(6);
    world->row[income] = integer(1008);
    struct score got = score(world);
    assert_int_equal(got.outside_count, 2);
    assert_true(got.band != BAND_UNKNOWN && isfinite(got.probability));
}

static void what_is_for_audit_only_changes_nothing(void **state)
{
    struct world *world = *state;
    struct score without = score(world);
    world->row[attribute(world, "Age")] = integer(60);
    world->row[attribute(world, "Gender")] = text("Female");
    world->row[attribute(world, "MaritalStatus")] = text("Single");
    struct score with_them = score(world);
    assert_true(without.log_odds == with_them.log_odds);
    assert_int_equal(with_them.missing_count, 0);
}

static void a_value_of_another_kind_is_never_scored(void **state)
{
    struct world *world = *state;
    world->row[attribute(world, "JobLevel")] = text("5");
    assert_int_equal(score(world).band, BAND_UNKNOWN);
    make_typical(world);
    world->row[attribute(world, "JobRole")] = integer(5);
    assert_int_equal(score(world).band, BAND_UNKNOWN);
    make_typical(world);
    world->row[attribute(world, "JobRole")] = (struct value){.kind = VALUE_BOOLEAN};
    assert_int_equal(score(world).band, BAND_UNKNOWN);
    make_typical(world);
    world->row[attribute(world, "JobLevel")] =
        (struct value){.kind = VALUE_REAL, .real = (double)NAN};
    assert_int_equal(score(world).band, BAND_UNKNOWN);
}

static void what_is_unusual_is_described_without_the_values(void **state)
{
    struct world *world = *state;
    CLEANUP(text_done) struct text out = TEXT_INIT(1000);
    assert_int_equal(model_describe(world->model, world->row, &out), ERR_OK);
    assert_string_equal(text_string(&out), "");
    world->row[attribute(world, "DailyRate")].kind = VALUE_NULL;
    world->row[attribute(world, "JobLevel")] = integer(17);
    world->row[attribute(world, "JobRole")] = text("Astronaut");
    assert_int_equal(model_describe(world->model, world->row, &out), ERR_OK);
    assert_string_equal(text_string(&out), "DailyRate is missing; JobLevel is outside 1 to 5; "
                                           "JobRole is not known to the model");
    CLEANUP(text_done) struct text small = TEXT_INIT(20);
    assert_int_equal(model_describe(world->model, world->row, &small), ERR_REJECT);
}

static void inputs_that_are_null_are_named_and_what_is_no_input_is_not(void **state)
{
    struct world *world = *state;
    size_t *found CLEANUP(mem_free_p) = mem_array(model_inputs(world->model), sizeof *found);
    assert_int_equal(model_missing(world->model, world->row, found), 0);
    world->row[attribute(world, "Age")].kind = VALUE_NULL; // for audit only
    world->row[attribute(world, "JobLevel")].kind = VALUE_NULL;
    assert_int_equal(model_missing(world->model, world->row, found), 1);
    assert_int_equal(found[0], attribute(world, "JobLevel"));
    for (size_t i = 0; i < world->features->count; i++)
        world->row[i].kind = VALUE_NULL;
    assert_int_equal(model_missing(world->model, world->row, found), model_inputs(world->model));
}

// With numbers that are scored as they are, log-odds go as far as one likes.
static void the_logistic_is_stable_far_out(void **state)
{
    struct world *world = *state;
    CLEANUP(mem_free_p) char *whole = artefact_text();
    CLEANUP(mem_free_p) char *good = with_short_examination(whole);
    CLEANUP(mem_free_p) char *half = with(good, "\"MonthlyIncome\"", "clip", "score");
    CLEANUP(mem_free_p) char *broken = with(half, "\"MonthlyRate\"", "clip", "score");
    CLEANUP(mem_free_p) char *both = sealed(broken);
    struct why why = {0};
    struct model *model = NULL;
    assert_ok(model_parse(bytes_from_string(both), world->features, &model, &why), &why);
    model_free(world->model);
    world->model = model;
    size_t rate = attribute(world, "MonthlyRate"), income = attribute(world, "MonthlyIncome");
    world->row[rate] = integer(100000000);
    world->row[income] = integer(0);
    double one_way = score(world).probability;
    world->row[rate] = integer(0);
    world->row[income] = integer(100000000);
    double other_way = score(world).probability;
    assert_true(one_way >= 0 && one_way <= 1 && other_way >= 0 && other_way <= 1);
    assert_true(fabs(one_way - other_way) > 0.99);
}

static void an_isotonic_curve_is_followed_between_its_points(void **state)
{
    (void)state;
    double x[] = {-2, -1, 3, 4}, y[] = {0.1, 0.1, 0.5, 0.9};
    struct calibration curve = {
        .type = CALIBRATION_ISOTONIC, .slope = 1, .x = x, .y = y, .count = ARRAY_LEN(x)};
    static const double pairs[][2] = {{-1e300, 0.1}, {-2, 0.1},  {-1.5, 0.1}, {-1, 0.1},   {0, 0.2},
                                      {3, 0.5},      {3.5, 0.7}, {4, 0.9},    {1e300, 0.9}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_near(calibration_apply(&curve, pairs[i][0], 0.33), pairs[i][1], 1e-15);
    curve.count = 1;
    assert_true(calibration_apply(&curve, 7, 0.33) == 0.1);
    struct calibration none = {.type = CALIBRATION_NONE, .slope = 1};
    assert_true(calibration_apply(&none, 7, 0.33) == 0.33);
}

static void the_id_is_the_hash_of_the_bytes(void **state)
{
    struct world *world = *state;
    assert_int_equal(strlen(model_id(world->model)), 16);
    assert_int_equal(strspn(model_id(world->model), "0123456789abcdef"), 16);
    CLEANUP(mem_free_p) char *json = artefact_text();
    CLEANUP(mem_free_p) char *other_text = with(json, "\"training\"", "IBM HR", "IBM  HR");
    CLEANUP(mem_free_p) char *longer = sealed(other_text);
    CLEANUP(model_free_p) struct model *same = NULL;
    CLEANUP(model_free_p) struct model *other = NULL;
    struct why why = {0};
    assert_ok(model_parse(bytes_from_string(json), world->features, &same, &why), &why);
    assert_ok(model_parse(bytes_from_string(longer), world->features, &other, &why), &why);
    assert_string_equal(model_id(same), model_id(world->model));
    assert_string_not_equal(model_id(other), model_id(world->model));
    assert_true(model_threshold(same) == 0.5);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(contributions_and_base_are_the_score),
        CASE(reasons_are_the_largest_contributions_in_their_order),
        CASE(the_same_row_gives_the_same_bits),
        CASE(tables_hold_what_the_terms_give),
        CASE(a_missing_value_is_scored_as_the_typical_one_and_counted),
        CASE(an_unknown_level_gives_band_unknown_and_no_number),
        CASE(every_spelling_of_a_level_scores_the_same),
        CASE(a_value_outside_the_training_range_is_scored_and_counted),
        CASE(what_is_for_audit_only_changes_nothing),
        CASE(a_value_of_another_kind_is_never_scored),
        CASE(inputs_that_are_null_are_named_and_what_is_no_input_is_not),
        CASE(what_is_unusual_is_described_without_the_values),
        CASE(the_logistic_is_stable_far_out),
        CASE(an_isotonic_curve_is_followed_between_its_points),
        CASE(the_id_is_the_hash_of_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
