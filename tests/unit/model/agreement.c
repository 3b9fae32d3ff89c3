// SPDX-License-Identifier: MIT
// Every row of the data, scored here and by scikit-learn; every 30th explained here and by shap.
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"
#include "unit/model/artefact.h"

enum { ROWS = 1470, EXPLAINED_EVERY = 30, COLUMNS_MAX = 64, CELL_MAX = 64, LINE_MAX_BYTES = 4096 };

#define DATA SOURCE_DIR "/tests/unit/model/data/"

struct world {
    struct features *features;
    struct value *rows;      // ROWS times features->count
    char (*cells)[CELL_MAX]; // what texts point to
};

static struct value value_of(const struct attribute *attribute, const char *cell)
{
    if (attribute->type == ATTRIBUTE_CATEGORY)
        return (struct value){.kind = VALUE_TEXT, .text = bytes_from_string(cell)};
    return (struct value){.kind = VALUE_INTEGER, .integer = strtol(cell, NULL, 10)};
}

static void read_rows(struct world *world)
{
    FILE *file = fopen(SOURCE_DIR "/models/data/employees.csv", "re");
    assert_non_null(file);
    char line[1024];
    int columns[COLUMNS_MAX];
    size_t row = 0, cells = 0;
    for (bool is_head = true; fgets(line, sizeof line, file) != NULL; is_head = false) {
        char *rest = line, *cell = NULL;
        for (size_t i = 0; i < COLUMNS_MAX && (cell = strsep(&rest, ",\r\n")) != NULL; i++) {
            const char *name = strncmp(cell, "\xef\xbb\xbf", 3) == 0 ? cell + 3 : cell;
            if (is_head)
                columns[i] = features_find(world->features, bytes_from_string(name));
            if (is_head || columns[i] < 0 || cell[0] == '\0')
                continue;
            snprintf(world->cells[cells], CELL_MAX, "%s", cell);
            world->rows[row * world->features->count + (size_t)columns[i]] =
                value_of(&world->features->attributes[columns[i]], world->cells[cells++]);
        }
        row += is_head ? 0 : 1;
    }
    assert_int_equal(row, ROWS);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    static struct world world;
    world.features = shipped_features();
    world.rows = mem_array(ROWS * world.features->count, sizeof *world.rows);
    world.cells = mem_array(ROWS * COLUMNS_MAX, sizeof *world.cells);
    read_rows(&world);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    free(world->rows);
    free(world->cells);
    features_free(world->features);
    return 0;
}

static void expect_agreement(const struct world *world, const char *artefact,
                             const char *predictions, double tolerance)
{
    CLEANUP(model_free_p) struct model *model = NULL;
    struct why why = {0};
    assert_ok(model_load(artefact, world->features, &model, &why), &why);
    FILE *file = fopen(predictions, "re");
    assert_non_null(file);
    CLEANUP(model_block_free_p) struct model_block *block = model_block_new(model, ROWS);
    CLEANUP(mem_free_p) struct score *scores = mem_array(ROWS, sizeof *scores);
    for (size_t i = 0; i < ROWS; i++)
        model_block_put(block, world->rows + i * world->features->count);
    model_block_score(block, true, scores);
    double contributions[FEATURES_MAX];
    for (size_t i = 0; i < ROWS; i++) {
        char line[64];
        assert_non_null(fgets(line, sizeof line, file));
        assert_near(scores[i].probability, strtod(line, NULL), tolerance);
        assert_int_equal(scores[i].missing_count + scores[i].outside_count, 0);
        assert_true(
            model_contributions(model, world->rows + i * world->features->count, contributions));
        double sum = scores[i].base_log_odds;
        for (size_t a = 0; a < world->features->count; a++)
            sum += contributions[a];
        assert_near(sum, scores[i].log_odds, 1e-12);
    }
    assert_int_equal(fclose(file), 0);
}

static void the_shipped_model_agrees(void **state)
{
    expect_agreement(*state, MODEL_PATH, DATA "linear.csv", 1e-12);
}

static void a_random_forest_agrees(void **state)
{
    expect_agreement(*state, DATA "forest.json", DATA "forest.csv", 1e-12);
}

static void gradient_boosting_agrees(void **state)
{
    expect_agreement(*state, DATA "boosting.json", DATA "boosting.csv", 1e-12);
}

// The pipeline of scikit-learn has weights of all digits, the artefact those of ten.
static void an_isotonic_curve_agrees(void **state)
{
    expect_agreement(*state, DATA "isotonic.json", DATA "isotonic.csv", 1e-6);
}

// A line of the file has a contribution for each input, which the head names.
static void expect_contributions(const struct world *world, const char *artefact, const char *path)
{
    CLEANUP(model_free_p) struct model *model = NULL;
    struct why why = {0};
    assert_ok(model_load(artefact, world->features, &model, &why), &why);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char line[LINE_MAX_BYTES];
    int columns[COLUMNS_MAX];
    double contributions[FEATURES_MAX], largest = 0;
    size_t inputs = 0, row = 0;
    assert_non_null(fgets(line, sizeof line, file));
    char *rest = line, *cell = NULL;
    for (; inputs < COLUMNS_MAX && (cell = strsep(&rest, ",\n")) != NULL && *cell != '\0';
         inputs++) {
        columns[inputs] = features_find(world->features, bytes_from_string(cell));
        assert_true(columns[inputs] >= 0);
    }
    assert_int_equal(inputs, model_inputs(model));
    for (; fgets(line, sizeof line, file) != NULL; row += EXPLAINED_EVERY) {
        assert_true(row < ROWS);
        assert_true(
            model_contributions(model, world->rows + row * world->features->count, contributions));
        rest = line;
        for (size_t i = 0; i < inputs; i++) {
            cell = strsep(&rest, ",\n");
            assert_non_null(cell);
            assert_near(contributions[columns[i]], strtod(cell, NULL), 1e-9);
            largest = fmax(largest, fabs(contributions[columns[i]]));
        }
    }
    assert_int_equal(row, ROWS);
    assert_true(largest > 0.5);
    assert_int_equal(fclose(file), 0);
}

static void trees_are_explained_as_by_shap(void **state)
{
    expect_contributions(*state, DATA "forest.json", DATA "forest-shap.csv");
    expect_contributions(*state, DATA "boosting.json", DATA "boosting-shap.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_model_agrees),
        cmocka_unit_test(a_random_forest_agrees),
        cmocka_unit_test(gradient_boosting_agrees),
        cmocka_unit_test(an_isotonic_curve_agrees),
        cmocka_unit_test(trees_are_explained_as_by_shap),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
