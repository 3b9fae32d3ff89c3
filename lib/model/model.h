// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"
#include "domain/features.h"
#include "domain/prediction.h"

// A model: loaded from a JSON artefact, strictly; scores a row of attributes and explains the score
// by exact log-odds contributions. Immutable once loaded: any thread may score.

struct model;

// Reads and checks the artefact against the features (names, types), and scores its golden vectors:
// any that is off by more than the stated tolerance refuses the model. ERR_REJECT: the file is no
// model that we can trust, with one sentence saying where. ERR_FATAL: it cannot be read. The
// features are borrowed and must outlive the model.
MUST_CHECK enum err model_load(const char *path, const struct features *features,
                               struct model **ret, struct why *why);
MUST_CHECK enum err model_parse(struct bytes json, const struct features *features,
                                struct model **ret, struct why *why);
void model_free(struct model *model);
DEFINE_CLEANUP(struct model, model_free)

const char *model_id(const struct model *model);   // first 16 hex digits of the artefact's SHA-256
const char *model_kind(const struct model *model); // "linear-logistic" and so on
size_t model_inputs(const struct model *model);
double model_threshold(const struct model *model);

// A contribution below this is no reason that is worth a word.
#define MODEL_REASON_MIN 0.05

struct score {
    enum band band;     // BAND_UNKNOWN: the contract of the model does not cover this row
    double probability; // calibrated; NaN for BAND_UNKNOWN
    double log_odds;
    double base_log_odds; // of the reference employee
    struct {
        size_t attribute;          // index in the features
        double weight;             // log-odds, signed
    } reasons[PREDICTION_REASONS]; // largest |weight| first, ties in the artefact's order
    size_t reason_count;           // those with |weight| >= MODEL_REASON_MIN
    size_t missing_count;          // inputs that were null and imputed
    size_t outside_count; // values that the training never saw and that were scored all the same
};

// `attributes` are features->count values in the order of the features, checked by employee_check.
// For a row now and then: it makes a block of one row. Where rows keep coming, keep a block.
void model_score(const struct model *model, const struct value *attributes, struct score *ret);

// Rows that are scored together. Put them in, score them, clear it, go on: after model_block_new
// nothing is allocated. The rows' values are not needed after model_block_put. A row's score has
// the same bits in every block, beside any other rows, on every machine. One thread per block.
struct model_block;
enum { MODEL_BLOCK_MAX = 4096 };
// `capacity`: 1 to MODEL_BLOCK_MAX rows; 256 are fast. The model is borrowed.
struct model_block *model_block_new(const struct model *model, size_t capacity);
void model_block_free(struct model_block *block);
DEFINE_CLEANUP(struct model_block, model_block_free)
void model_block_clear(struct model_block *block);
// A further row; the block is not full.
void model_block_put(struct model_block *block, const struct value *attributes);
size_t model_block_rows(const struct model_block *block);
// ret[i] is the score of row i. Without reasons (which cost time) reason_count is 0.
void model_block_score(struct model_block *block, bool has_reasons, struct score *ret);

// The whole explanation: ret[i] is what attribute i adds to the log-odds (0 where the model does
// not use it); base_log_odds plus the sum of the features->count entries is the log_odds, up to the
// rounding of the additions. False, and nothing written, for BAND_UNKNOWN.
bool model_contributions(const struct model *model, const struct value *attributes, double *ret);

// The model's inputs that are null in this row, as indexes in the features, in the artefact's
// order: returns how many. `ret` has room for model_inputs(model).
size_t model_missing(const struct model *model, const struct value *attributes, size_t *ret);

// What a person should know beside the score: "DailyRate is missing; JobLevel is outside 1 to 5;
// Department is not known to the model". Empty when there is nothing. Names no value. ERR_REJECT:
// over the ceiling of `out`.
MUST_CHECK enum err model_describe(const struct model *model, const struct value *attributes,
                                   struct text *out);
