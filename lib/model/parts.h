// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "domain/features.h"
#include "json/json.h"
#include "model/kernel.h"
#include "model/model.h"

// The inside of a model, shared by the files of this folder only: read.c reads the artefact into
// these structs, block.c scores rows, golden.c compares the scores with those the artefact
// promises.

enum outside { OUTSIDE_CLIP, OUTSIDE_SCORE, OUTSIDE_REJECT };
enum { LEVEL_NONE = -1 }; // of a text that is no level: every comparison with it is false

struct input {
    size_t attribute; // index in the features
    enum attribute_type type;
    bool refuses_missing; // else `imputed` stands for a null
    bool refuses_unknown; // else `unknown_level`, which may be LEVEL_NONE, stands for a text
    int unknown_level;
    double imputed;
    enum outside outside;        // of a number
    double train_min, train_max; // of a number: what the training saw
    int *levels; // of a category: from its index in the features to the model's level, -1: none
    size_t level_count;
    struct term *terms;
    size_t term_count;
    // Of a linear model: contributions computed beforehand, of a category and of integers of a
    // small range: those of the values table_min .. table_min + table_count - 1, then of a missing
    // value, then of a level that is not known. Without a table (NULL) the terms are applied to
    // each number.
    double *table;
    double table_min;
    size_t table_count;
    // Whole numbers from quick_first on, so many of them, were seen by the training: nearly every
    // value of an integer is one. Their place is the distance, where there is a table.
    int64_t quick_first;
    uint64_t quick_count;
};

// What there is to say about the value of an input.
enum found { FOUND_USUAL, FOUND_MISSING, FOUND_OUTSIDE, FOUND_REFUSED };

// Where a value of an input stands: a place in its table, or (INPUT_NO_PLACE) a number for its
// terms.
enum { INPUT_NO_PLACE = -1 };
struct located {
    enum found found;
    int place;
    double number;
};
struct located input_locate(const struct model *model, const struct input *input,
                            const struct value *value);

enum model_kind { MODEL_LINEAR, MODEL_FOREST, MODEL_BOOSTING };

struct calibration {
    enum calibration_type { CALIBRATION_NONE, CALIBRATION_SIGMOID, CALIBRATION_ISOTONIC } type;
    double slope, intercept; // log-odds = slope * raw + intercept; 1 and 0 but for sigmoid
    double *x, *y;           // of isotonic: `count` points
    size_t count;
};

// The trees of a model as the kernels want them, with what they point to.
struct forest {
    struct kernel_forest kernel;
    struct kernel_derived *columns;
    struct kernel_node *nodes;
    double *values, *shares;
    struct kernel_tree *trees;
    size_t node_count;
    double divisor; // of the sum of the trees, and so of their contributions
    double places[KERNEL_POINTS_MAX + 1][KERNEL_POINTS_MAX];
    double weights[KERNEL_POINTS_MAX + 1][KERNEL_POINTS_MAX];
};

struct model {
    const struct features *features; // borrowed
    struct input *inputs;            // in the order of the artefact
    size_t input_count;
    const struct kernel *kernel; // the widest that runs here
    enum model_kind kind;
    struct forest *forest; // NULL: linear
    struct calibration calibration;
    double base;      // of the raw score
    double reference; // the log-odds of nobody in particular: those and contributions are a score's
    double threshold;
    double elevated_from;
    char id[17];
};

// Blocks made from here on are scored by this kernel: for tests, which compare them.
void model_use_kernel(struct model *model, const struct kernel *kernel);

// The input of that name, or NULL.
struct input *model_input(const struct model *model, struct bytes name);
// Sum over the terms of one input, in their order, for a value (or level) of it.
double model_contribution(const struct input *input, double value);

// The calibrated probability of a raw score, given the logistic of its log-odds.
double calibration_apply(const struct calibration *calibration, double raw, double probability);

// Fills everything but id from the document; ERR_REJECT with the place. What was filled before a
// failure is the caller's to free with the model.
MUST_CHECK enum err model_read(const struct json *root, struct model *model, struct why *why);
// ERR_REJECT where a score differs from the promised one.
MUST_CHECK enum err model_check_golden(const struct model *model, const struct json *golden,
                                       struct why *why);

// Parts of model_read, one file each.
MUST_CHECK enum err model_read_inputs(const struct json *root, struct model *model,
                                      struct why *why);
MUST_CHECK enum err model_read_linear(const struct json *root, struct model *model,
                                      struct why *why);
MUST_CHECK enum err model_read_trees(const struct json *root, struct model *model, struct why *why);
// What is for people and for watching: training, metrics, fairness, reference. Refuses a model
// whose own figures say that its probabilities cannot be trusted.
MUST_CHECK enum err model_read_report(const struct json *root, const struct model *model,
                                      struct why *why);
// The members op, f and v of a column.
MUST_CHECK enum err model_read_column(const struct json *node, const char *where,
                                      const struct model *model, struct input **ret_input,
                                      struct term *ret, struct why *why);

// A tree as it stands in an artefact: arrays of `count` entries.
struct tree_source {
    const double *t, *v, *c;
    const int32_t *f, *l, *r;
    size_t count;
};
// An empty forest with room for that many; its columns are the caller's to fill.
struct forest *forest_new(size_t columns, size_t trees, size_t nodes);
void forest_free(struct forest *forest);
// Adds a tree that was checked. `mean` is what its leaves are worth, weighted by their share.
void forest_add(struct forest *forest, const struct tree_source *tree, double *ret_mean);
void forest_finish(struct forest *forest);

// Gauss and Legendre's quadrature on (0, 1): n places, ascending, and weights that sum to 1.
void quadrature(size_t n, double *ret_places, double *ret_weights);
