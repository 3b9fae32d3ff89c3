// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/employee.h"
#include "model/change.h"
#include "model/parts.h"
#include "people/people.h"
#include "unit/model/artefact.h"

enum { SEED = 9, CANDIDATES_MAX = 256 };

static const char *const models[] = {MODEL_PATH, SOURCE_DIR "/tests/unit/model/data/boosting.json"};
static size_t model_at; // the model that the group is run with

struct world {
    struct features *features;
    struct people_places places;
    struct model *model;
    struct value row[FEATURES_MAX];
};

static int setup(void **state)
{
    static struct world world;
    struct why why = {0};
    world.features = shipped_features();
    world.places = people_places(world.features);
    assert_ok(model_load(models[model_at], world.features, &world.model, &why), &why);
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

static void make_row(struct world *world, uint64_t index)
{
    struct person person;
    people_row(SEED, index, &person);
    people_fill(&person, world->features, &world->places, world->row);
}

static double probability(const struct world *world, const struct value *row)
{
    struct score score;
    model_score(world->model, row, &score);
    return score.probability;
}

// Written again, from the rule in the header: each attribute's allowed values with their sizes.
static size_t allowed(const struct world *world, struct model_change *ret, double *ret_size)
{
    size_t count = 0;
    for (size_t i = 0; i < world->features->count; i++) {
        const struct attribute *of = &world->features->attributes[i];
        const struct actionable *can = &of->actionable;
        for (size_t c = 0; can->to != NULL && c < of->category_count; c++)
            if (can->to[c] && !bytes_equal_string(world->row[i].text, of->categories[c].name)) {
                ret[count].attribute = i;
                ret[count].to = (struct value){.kind = VALUE_TEXT,
                                               .text = bytes_from_string(of->categories[c].name)};
                ret_size[count++] = 1;
            }
        const struct input *input = model_input(world->model, bytes_from_string(of->name));
        for (int64_t k = 1; (can->is_up || can->is_down) && (double)k * can->step <= can->by; k++)
            for (int sign = -1; sign <= 1; sign += 2) {
                int64_t to = world->row[i].integer + sign * k * (int64_t)can->step;
                bool may = sign < 0 ? can->is_down : can->is_up;
                if (!may || (double)to < input->train_min || (double)to > input->train_max)
                    continue;
                ret[count].attribute = i;
                ret[count].to = (struct value){.kind = VALUE_INTEGER, .integer = to};
                ret_size[count++] = (double)k * can->step / can->by;
            }
    }
    assert_true(count < CANDIDATES_MAX);
    return count;
}

// The least size with which a number of changes brings the score down; infinite where none does.
static double least_size(struct world *world, size_t parts)
{
    struct model_change changes[CANDIDATES_MAX];
    double sizes[CANDIDATES_MAX], least = (double)INFINITY;
    size_t count = allowed(world, changes, sizes);
    struct value row[FEATURES_MAX];
    for (size_t i = 0; i < count; i++)
        for (size_t k = parts == 1 ? i : i + 1; k < (parts == 1 ? i + 1 : count); k++) {
            if (parts == 2 && changes[i].attribute == changes[k].attribute)
                continue;
            double size = parts == 1 ? sizes[i] : sizes[i] + sizes[k];
            if (size >= least)
                continue;
            memcpy(row, world->row, sizeof row);
            row[changes[i].attribute] = changes[i].to;
            row[changes[k].attribute] = changes[k].to;
            if (probability(world, row) <= model_threshold(world->model))
                least = size;
        }
    return least;
}

static double size_of(const struct world *world, const struct model_change *change)
{
    const struct attribute *of = &world->features->attributes[change->attribute];
    if (change->to.kind == VALUE_TEXT)
        return 1;
    return fabs((double)(change->to.integer - world->row[change->attribute].integer)) /
           of->actionable.by;
}

static void the_smallest_change_is_found_and_brings_the_score_down(void **state)
{
    struct world *world = *state;
    size_t by_count[CHANGE_ATTRIBUTES + 1] = {0};
    for (uint64_t i = 0; i < 1200; i++) {
        make_row(world, i);
        struct model_counterfactual got;
        model_find_change(world->model, world->row, &got);
        double before = probability(world, world->row);
        assert_int_equal(got.is_needed, before > model_threshold(world->model));
        if (!got.is_needed) {
            assert_int_equal(got.count, 0);
            assert_true(got.score.probability == before);
            continue;
        }
        by_count[got.count]++;
        double single = least_size(world, 1);
        double pair = isinf(single) ? least_size(world, 2) : (double)INFINITY;
        assert_int_equal(got.count, !isinf(single) ? 1 : !isinf(pair) ? 2 : 0);
        if (got.count == 0)
            continue;
        struct value row[FEATURES_MAX];
        memcpy(row, world->row, sizeof row);
        double size = 0;
        for (size_t k = 0; k < got.count; k++) {
            row[got.changes[k].attribute] = got.changes[k].to;
            size += size_of(world, &got.changes[k]);
        }
        assert_true(probability(world, row) == got.score.probability);
        assert_true(got.score.probability <= model_threshold(world->model));
        assert_near(size, got.count == 1 ? single : pair, 1e-12);
    }
    bool is_shipped = model_at == 0;
    assert_true(by_count[1] > (is_shipped ? 10 : 0) && by_count[2] > (is_shipped ? 3 : 0));
    assert_true(by_count[0] > 0);
}

static void what_is_missing_or_not_covered_is_left(void **state)
{
    struct world *world = *state;
    for (uint64_t i = 0; i < 300; i++) {
        make_row(world, i);
        struct model_counterfactual got;
        model_find_change(world->model, world->row, &got);
        if (got.count == 0)
            continue;
        size_t attribute = got.changes[0].attribute;
        world->row[attribute].kind = VALUE_NULL;
        model_find_change(world->model, world->row, &got);
        for (size_t k = 0; k < got.count; k++)
            assert_true(got.changes[k].attribute != attribute);
    }
    make_row(world, 0);
    size_t role = (size_t)features_find(world->features, bytes_from_string("JobRole"));
    world->row[role].text = bytes_from_string("Astronaut");
    struct model_counterfactual got;
    model_find_change(world->model, world->row, &got);
    assert_true(!got.is_needed && got.count == 0 && got.score.band == BAND_UNKNOWN);
}

// With a rule that no raise may break, no raise is proposed.
static void a_change_breaks_no_rule(void **state)
{
    struct world *world = *state;
    size_t income = (size_t)features_find(world->features, bytes_from_string("MonthlyIncome"));
    struct rule rule = {.left = income, .op = RULE_LE, .right = -1, .refuses = false};
    struct features with_rule = *world->features;
    struct model model = *world->model;
    with_rule.rules = &rule;
    with_rule.rule_count = 1;
    model.features = &with_rule;
    size_t raises = 0, others = 0;
    for (uint64_t i = 0; i < 1200; i++) {
        make_row(world, i);
        struct model_counterfactual free_to, bound;
        rule.add = (double)world->row[income].integer;
        model_find_change(world->model, world->row, &free_to);
        model_find_change(&model, world->row, &bound);
        for (size_t k = 0; k < free_to.count; k++)
            raises += free_to.changes[k].attribute == income ? 1 : 0;
        for (size_t k = 0; k < bound.count; k++) {
            assert_true(bound.changes[k].attribute != income);
            others++;
        }
    }
    assert_true(raises > 0 && others > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_change_is_found_and_brings_the_score_down),
        cmocka_unit_test(what_is_missing_or_not_covered_is_left),
        cmocka_unit_test(a_change_breaks_no_rule),
    };
    int failed = 0;
    for (model_at = 0; model_at < ARRAY_LEN(models); model_at++)
        failed += cmocka_run_group_tests_name(models[model_at], tests, setup, teardown);
    return failed;
}
