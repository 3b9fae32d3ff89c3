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
    // Contributions computed beforehand, of a category and of integers of a small range: those of
    // the values table_min .. table_min + table_count - 1, then of a missing value, then of a level
    // that is not known. Without a table (NULL) the terms are applied to each number.
    double *table;
    double table_min;
    size_t table_count;
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

struct model {
    const struct features *features; // borrowed
    struct input *inputs;            // in the order of the artefact
    size_t input_count;
    const struct kernel *kernel; // the widest that runs here
    double base;
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

// Fills everything but id from the document; ERR_REJECT with the place. What was filled before a
// failure is the caller's to free with the model.
MUST_CHECK enum err model_read(const struct json *root, struct model *model, struct why *why);
// ERR_REJECT where a score differs from the promised one.
MUST_CHECK enum err model_check_golden(const struct model *model, const struct json *golden,
                                       struct why *why);
