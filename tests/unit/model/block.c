// SPDX-License-Identifier: MIT
// The same row has the same bits in every block and by every kernel.
#include "support/check.h"

#include "model/model.h"
#include "model/parts.h"
#include "people/people.h"
#include "unit/model/artefact.h"

enum { SEED = 4, BLOCK = 256 };

// Models of every kind; reasons of trees take time.
static const struct {
    const char *path;
    size_t rows;
    size_t explained; // rows that are explained, too
} models[] = {{MODEL_PATH, 100000, 100000},
              {SOURCE_DIR "/tests/unit/model/data/isotonic.json", 20000, 2000},
              {SOURCE_DIR "/tests/unit/model/data/forest.json", 20000, 2000},
              {SOURCE_DIR "/tests/unit/model/data/boosting.json", 20000, 2000}};

struct world {
    size_t rows, explained;
    struct features *features;
    struct people_places places;
    struct model *model;
    struct score *expected; // of `rows` people, in blocks of 256, by the widest kernel
};

// Every fifth person has a value that is missing, not known, or far away.
static void make_row(const struct world *world, uint64_t index, struct value *row)
{
    struct person person;
    people_row(SEED, index, &person);
    people_fill(&person, world->features, &world->places, row);
    if (people_chance(SEED, index, 0) > 0.2)
        return;
    size_t at = (size_t)(people_chance(SEED, index, 1) * (double)world->features->count);
    const struct attribute *attribute = &world->features->attributes[at];
    if (people_chance(SEED, index, 2) < 0.4)
        row[at] = (struct value){.kind = VALUE_NULL};
    else if (attribute->type == ATTRIBUTE_CATEGORY)
        row[at].text = bytes_from_string("no such level");
    else
        row[at].integer = (int64_t)(people_chance(SEED, index, 3) * attribute->max);
}

static void score_rows(const struct world *world, size_t first, size_t count, size_t capacity,
                       bool has_reasons, struct score *ret)
{
    CLEANUP(model_block_free_p)
    struct model_block *block = model_block_new(world->model, capacity);
    struct value row[FEATURES_MAX];
    for (size_t i = 0; i < count;) {
        model_block_clear(block);
        while (model_block_rows(block) < capacity && i + model_block_rows(block) < count) {
            make_row(world, first + i + model_block_rows(block), row);
            model_block_put(block, row);
        }
        model_block_score(block, has_reasons, ret + i);
        i += model_block_rows(block);
    }
}

static void score_all(const struct world *world, size_t capacity, struct score *ret)
{
    size_t explained = world->explained;
    score_rows(world, 0, explained, capacity, true, ret);
    score_rows(world, explained, world->rows - explained, capacity, false, ret + explained);
}

static size_t model_at; // the model that the group is run with

static int setup(void **state)
{
    static struct world world;
    world.features = shipped_features();
    world.places = people_places(world.features);
    struct why why = {0};
    assert_ok(model_load(models[model_at].path, world.features, &world.model, &why), &why);
    world.rows = models[model_at].rows;
    world.explained = models[model_at].explained;
    world.expected = mem_array(world.rows, sizeof *world.expected);
    score_all(&world, BLOCK, world.expected);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    free(world->expected);
    model_free(world->model);
    features_free(world->features);
    return 0;
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void expect_same(const struct score *a, const struct score *b, size_t row)
{
    bool is_same = same_bits(a->log_odds, b->log_odds) && a->band == b->band &&
                   same_bits(a->probability, b->probability) &&
                   same_bits(a->base_log_odds, b->base_log_odds) &&
                   a->reason_count == b->reason_count && a->missing_count == b->missing_count &&
                   a->outside_count == b->outside_count;
    for (size_t k = 0; is_same && k < a->reason_count; k++)
        is_same = a->reasons[k].attribute == b->reasons[k].attribute &&
                  same_bits(a->reasons[k].weight, b->reasons[k].weight);
    if (!is_same)
        fail_msg("row %zu: %.17g and %.17g", row, a->probability, b->probability);
}

static void the_rows_are_of_every_kind(void **state)
{
    const struct world *world = *state;
    size_t bands[4] = {0}, missing = 0, outside = 0;
    for (size_t i = 0; i < world->rows; i++) {
        bands[world->expected[i].band]++;
        missing += world->expected[i].missing_count;
        outside += world->expected[i].outside_count;
    }
    for (size_t i = 0; i < ARRAY_LEN(bands); i++)
        assert_true(bands[i] > 50);
    assert_true(missing > 1000 && outside > 1000);
}

static void every_size_of_a_block_gives_the_same_bits(void **state)
{
    const struct world *world = *state;
    static const size_t capacities[] = {1, 7, 16, 256, 1000};
    CLEANUP(mem_free_p) struct score *got = mem_array(world->rows, sizeof *got);
    for (size_t c = 0; c < ARRAY_LEN(capacities); c++) {
        score_all(world, capacities[c], got);
        for (size_t i = 0; i < world->rows; i++)
            expect_same(&got[i], &world->expected[i], i);
    }
}

static void every_kernel_gives_the_same_bits(void **state)
{
    const struct world *world = *state;
    const struct kernel *kernels[KERNELS_MAX];
    size_t count = kernels_available(kernels);
    assert_true(count >= 1);
    CLEANUP(mem_free_p) struct score *got = mem_array(world->rows, sizeof *got);
    for (size_t k = 0; k < count; k++) {
        model_use_kernel(world->model, kernels[k]);
        score_all(world, BLOCK, got);
        for (size_t i = 0; i < world->rows; i++)
            expect_same(&got[i], &world->expected[i], i);
    }
    model_use_kernel(world->model, kernels[0]);
}

static void reasons_cost_no_bit_of_the_score(void **state)
{
    const struct world *world = *state;
    CLEANUP(mem_free_p) struct score *got = mem_array(world->rows, sizeof *got);
    score_rows(world, 0, world->rows, BLOCK, false, got);
    for (size_t i = 0; i < world->rows; i++) {
        struct score expected = world->expected[i];
        expected.reason_count = 0;
        expect_same(&got[i], &expected, i);
    }
}

// What the kernels do side by side, done here one after the other, as it is written in the format.
static void a_block_scores_as_one_would_by_hand(void **state)
{
    const struct world *world = *state;
    double contributions[FEATURES_MAX];
    struct value row[FEATURES_MAX];
    for (size_t i = 0; i < world->explained; i += 10) {
        const struct score *got = &world->expected[i];
        make_row(world, i, row);
        if (!model_contributions(world->model, row, contributions)) {
            assert_int_equal(got->band, BAND_UNKNOWN);
            assert_true(isnan(got->probability) && got->reason_count == 0);
            continue;
        }
        double sum = got->base_log_odds;
        for (size_t k = 0; k < world->model->input_count; k++)
            sum += contributions[world->model->inputs[k].attribute];
        if (world->model->kind == MODEL_LINEAR)
            assert_true(same_bits(sum, got->log_odds));
        assert_near(sum, got->log_odds, 1e-12);
        if (world->model->calibration.type != CALIBRATION_ISOTONIC)
            assert_near(got->probability, 1 / (1 + exp(-sum)), 1e-13);
        for (size_t k = 0; k < got->reason_count; k++)
            assert_true(
                same_bits(got->reasons[k].weight, contributions[got->reasons[k].attribute]));
        double left_out = 0, least = got->reason_count == 3 ? fabs(got->reasons[2].weight) : 0.05;
        for (size_t a = 0; a < world->features->count; a++) {
            bool is_reason = false;
            for (size_t k = 0; k < got->reason_count; k++)
                is_reason = is_reason || got->reasons[k].attribute == a;
            left_out = is_reason ? left_out : fmax(left_out, fabs(contributions[a]));
        }
        assert_true(left_out <= least);
    }
}

static void the_score_of_one_row_is_that_of_a_block(void **state)
{
    const struct world *world = *state;
    struct value row[FEATURES_MAX];
    for (size_t i = 0; i < 2000; i += 3) {
        struct score got;
        make_row(world, i, row);
        model_score(world->model, row, &got);
        expect_same(&got, &world->expected[i], i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_are_of_every_kind),
        cmocka_unit_test(every_size_of_a_block_gives_the_same_bits),
        cmocka_unit_test(every_kernel_gives_the_same_bits),
        cmocka_unit_test(reasons_cost_no_bit_of_the_score),
        cmocka_unit_test(a_block_scores_as_one_would_by_hand),
        cmocka_unit_test(the_score_of_one_row_is_that_of_a_block),
    };
    int failed = 0;
    for (model_at = 0; model_at < ARRAY_LEN(models); model_at++)
        failed += cmocka_run_group_tests_name(models[model_at].path, tests, setup, teardown);
    return failed;
}
