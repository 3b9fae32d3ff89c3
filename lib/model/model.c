// SPDX-License-Identifier: MIT
// The scorer. A linear model is a sum of functions of one attribute each, so a row is a walk over
// the inputs: look the contribution up (levels and small integers have a table made at load by the
// very function that computes the others, so both ways give the same bits) and add it. The order of
// the additions is that of the artefact, always: the same row gives the same bits on every run, in
// every block. Nothing is allocated.

#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "domain/employee.h"
#include "domain/risk.h"
#include "json/json.h"
#include "model/parts.h"

enum { FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 8 };

enum found { FOUND_USUAL, FOUND_MISSING, FOUND_OUTSIDE, FOUND_REFUSED };

static enum err model_of(const struct json *root, struct bytes json,
                         const struct features *features, struct model **ret, struct why *why)
{
    CLEANUP(model_free_p) struct model *model = mem_zalloc(sizeof *model);
    model->features = features;
    enum err err = model_read(root, model, why);
    if (err == ERR_OK)
        err = model_check_golden(model, json_member(root, "golden"), why);
    if (err != ERR_OK)
        return err;
    char hex[CRYPTO_SHA256_HEX];
    crypto_sha256_hex(json, hex);
    memcpy(model->id, hex, sizeof model->id - 1);
    *ret = TAKE(model);
    return ERR_OK;
}

enum err model_parse(struct bytes json, const struct features *features, struct model **ret,
                     struct why *why)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    enum err err = json_parse(json, FILE_BYTES_MAX, DEPTH_MAX, &root, why);
    return err == ERR_OK ? model_of(root, json, features, ret, why) : err;
}

enum err model_load(const char *path, const struct features *features, struct model **ret,
                    struct why *why)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    CLEANUP(text_done) struct text file = TEXT_INIT(FILE_BYTES_MAX);
    enum err err = json_load(path, FILE_BYTES_MAX, DEPTH_MAX, &root, &file, why);
    if (err != ERR_OK)
        return err;
    err = model_of(root, text_bytes(&file), features, ret, why);
    return err == ERR_OK ? err : why_prefix(why, err, "%s", path);
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    for (size_t i = 0; i < model->input_count; i++) {
        free(model->inputs[i].levels);
        free(model->inputs[i].terms);
        free(model->inputs[i].table);
    }
    free(model->inputs);
    free(model);
}

const char *model_id(const struct model *model)
{
    return model->id;
}

double model_threshold(const struct model *model)
{
    return model->threshold;
}

struct input *model_input(const struct model *model, struct bytes name)
{
    for (size_t i = 0; i < model->input_count; i++) {
        struct input *input = &model->inputs[i];
        if (bytes_equal_string(name, model->features->attributes[input->attribute].name))
            return input;
    }
    return NULL;
}

double model_contribution(const struct input *input, double value)
{
    double sum = 0;
    for (size_t i = 0; i < input->term_count; i++) {
        const struct term *term = &input->terms[i];
        double column = value;
        switch (term->op) {
        case TERM_ID:
            break;
        case TERM_EQ:
            column = value == term->v ? 1 : 0;
            break;
        case TERM_LE:
            column = value <= term->v ? 1 : 0;
            break;
        case TERM_GE:
            column = value >= term->v ? 1 : 0;
            break;
        }
        sum += term->w * (column - term->m);
    }
    return sum;
}

static double look_up(const struct input *input, double value)
{
    double at = value - input->table_min;
    if (at >= 0 && at < (double)input->table_count) {
        size_t place = (size_t)at;
        if ((double)place == at)
            return input->table[place];
    }
    return model_contribution(input, value);
}

// The contribution of one input, and what there is to say about its value.
static double weigh(const struct model *model, const struct input *input, const struct value *value,
                    enum found *ret)
{
    if (value->kind == VALUE_NULL) {
        *ret = input->refuses_missing ? FOUND_REFUSED : FOUND_MISSING;
        return input->imputed_contribution;
    }
    if (input->type == ATTRIBUTE_CATEGORY && value->kind == VALUE_TEXT) {
        const struct attribute *attribute = &model->features->attributes[input->attribute];
        int category = attribute_category(attribute, value->text);
        int level = category < 0 ? -1 : input->levels[category];
        *ret = level >= 0 ? FOUND_USUAL : input->refuses_unknown ? FOUND_REFUSED : FOUND_OUTSIDE;
        return look_up(input, level);
    }
    // Values are checked before they come here, so another kind is no case of its own.
    if (input->type == ATTRIBUTE_CATEGORY ||
        (value->kind != VALUE_INTEGER && value->kind != VALUE_REAL)) {
        *ret = FOUND_REFUSED;
        return 0;
    }
    double number = attribute_number(value);
    bool is_usual = number >= input->train_min && number <= input->train_max;
    *ret = is_usual ? FOUND_USUAL : FOUND_OUTSIDE;
    return look_up(input, number);
}

// exp never sees a positive number, so it cannot overflow.
static double logistic(double log_odds)
{
    double e = exp(-fabs(log_odds));
    return log_odds >= 0 ? 1 / (1 + e) : e / (1 + e);
}

// Keeps the reasons sorted by weight; an equal one stays behind those that came before it.
static void add_reason(struct score *score, size_t attribute, double weight)
{
    if (!(fabs(weight) >= MODEL_REASON_MIN))
        return;
    size_t at = score->reason_count;
    while (at > 0 && fabs(weight) > fabs(score->reasons[at - 1].weight))
        at--;
    if (at == PREDICTION_REASONS)
        return;
    if (score->reason_count < PREDICTION_REASONS)
        score->reason_count++;
    for (size_t i = score->reason_count - 1; i > at; i--)
        score->reasons[i] = score->reasons[i - 1];
    score->reasons[at].attribute = attribute;
    score->reasons[at].weight = weight;
}

void model_score(const struct model *model, const struct value *attributes, struct score *ret)
{
    *ret = (struct score){.base_log_odds = model->base, .log_odds = model->base};
    bool is_refused = false;
    for (size_t i = 0; i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        enum found found = FOUND_USUAL;
        double weight = weigh(model, input, &attributes[input->attribute], &found);
        ret->missing_count += found == FOUND_MISSING ? 1 : 0;
        ret->outside_count += found == FOUND_OUTSIDE ? 1 : 0;
        is_refused = is_refused || found == FOUND_REFUSED;
        ret->log_odds += weight;
        add_reason(ret, input->attribute, weight);
    }
    if (is_refused) {
        ret->log_odds = (double)NAN;
        ret->reason_count = 0;
    }
    ret->probability = logistic(ret->log_odds);
    ret->band = risk_band(ret->probability, model->elevated_from, model->threshold);
}

bool model_contributions(const struct model *model, const struct value *attributes, double *ret)
{
    for (size_t i = 0; i < model->input_count; i++) {
        enum found found = FOUND_USUAL;
        const struct input *input = &model->inputs[i];
        IGNORE(weigh(model, input, &attributes[input->attribute], &found)); // only looks
        if (found == FOUND_REFUSED)
            return false;
    }
    memset(ret, 0, model->features->count * sizeof *ret);
    for (size_t i = 0; i < model->input_count; i++) {
        enum found found = FOUND_USUAL;
        const struct input *input = &model->inputs[i];
        ret[input->attribute] = weigh(model, input, &attributes[input->attribute], &found);
    }
    return true;
}

static enum err describe_one(const struct model *model, const struct input *input,
                             const struct value *value, struct text *out)
{
    enum found found = FOUND_USUAL;
    IGNORE(weigh(model, input, value, &found)); // only looks
    if (found == FOUND_USUAL)
        return ERR_OK;
    const char *name = model->features->attributes[input->attribute].name;
    const char *between = out->len > 0 ? "; " : "";
    if (value->kind == VALUE_NULL)
        return text_printf(out, "%s%s is missing", between, name);
    if (input->type == ATTRIBUTE_CATEGORY)
        return text_printf(out, "%s%s is not known to the model", between, name);
    return text_printf(out, "%s%s is outside %.15g to %.15g", between, name, input->train_min,
                       input->train_max);
}

enum err model_describe(const struct model *model, const struct value *attributes, struct text *out)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        err = describe_one(model, input, &attributes[input->attribute], out);
    }
    return err;
}
