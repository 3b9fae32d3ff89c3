// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "domain/features.h"
#include "json/json.h"
#include "model/model.h"

// The inside of a model, shared by the files of this folder only: model.c scores, read.c reads the
// artefact into these structs, golden.c compares the scores with those the artefact promises.

enum term_op { TERM_ID, TERM_EQ, TERM_LE, TERM_GE };

// One column of the regression: w * (column - m), where the column is the value itself (id) or 1
// where the comparison with v holds and 0 elsewhere. Of a category, value and v are places in its
// levels.
struct term {
    enum term_op op;
    double v;
    double w;
    double m;
};

struct input {
    size_t attribute; // index in the features
    enum attribute_type type;
    bool refuses_missing; // else `imputed` stands for a null
    bool refuses_unknown; // else a level that is not known leaves every column of it 0
    double imputed;
    double train_min, train_max; // of a number: what the training saw
    int *levels; // of a category: from its index in the features to the model's level, -1: none
    size_t level_count;
    struct term *terms;
    size_t term_count;
    // Contributions computed beforehand: of the values table_min .. table_min + table_count - 1.
    double *table;
    double table_min;
    size_t table_count;
    double imputed_contribution;
};

struct model {
    const struct features *features; // borrowed
    struct input *inputs;            // in the order of the artefact
    size_t input_count;
    double base;
    double threshold;
    double elevated_from;
    char id[17];
};

// The input of that name, or NULL.
struct input *model_input(const struct model *model, struct bytes name);
// Sum over the terms of one input, in their order, for a value (or level) of it.
double model_contribution(const struct input *input, double value);

// Fills everything but id from the document; ERR_REJECT with the place. What was filled before a
// failure is the caller's to free with the model.
MUST_CHECK enum err model_read(const struct json *root, struct model *model, struct why *why);
// ERR_REJECT where a score differs from the promised one.
MUST_CHECK enum err model_check_golden(const struct model *model, const struct json *golden,
                                       struct why *why);
