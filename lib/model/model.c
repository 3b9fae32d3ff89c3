// SPDX-License-Identifier: MIT
// What a model is made of, and what one row of values means to it. A linear model is a sum of
// functions of one attribute each: levels and small integers have tables, made at load by the very
// function that computes the contributions of other numbers, so both ways give the same bits. The
// arithmetic over rows is block.c's and kernel.c's.

#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "domain/employee.h"
#include "json/json.h"
#include "model/parts.h"

enum { FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 8 };

// The file ends with a hash of everything before it: what the other checks cannot see, such as a
// digit of a threshold that no row of the examination comes near, is seen here.
static enum err check_seal(struct bytes json, struct why *why)
{
    char hex[CRYPTO_SHA256_HEX], tail[CRYPTO_SHA256_HEX + 16];
    for (size_t before = json.len; before > 0; before--) {
        struct bytes rest = bytes_of(json.data + before - 1, json.len - before + 1);
        if (rest.len < 6 || memcmp(rest.data, "\"seal\"", 6) != 0)
            continue;
        crypto_sha256_hex(bytes_of(json.data, before - 1), hex);
        snprintf(tail, sizeof tail, "\"seal\": \"%s\"\n}\n", hex);
        if (bytes_equal_string(rest, tail))
            return ERR_OK;
        break;
    }
    return why_code(why, ERR_REJECT, "bad-seal",
                    "seal: the file was changed after it was written; train again, or use the file "
                    "as it was");
}

static enum err model_of(const struct json *root, struct bytes json,
                         const struct features *features, struct model **ret, struct why *why)
{
    CLEANUP(model_free_p) struct model *model = mem_zalloc(sizeof *model);
    model->features = features;
    const struct kernel *kernels[KERNELS_MAX];
    IGNORE(kernels_available(kernels)); // there is always one
    model->kernel = kernels[0];
    enum err err = model_read(root, model, why);
    if (err == ERR_OK)
        err = model_check_golden(model, json_member(root, "golden"), why);
    if (err == ERR_OK)
        err = check_seal(json, why);
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
    forest_free(model->forest);
    free(model->calibration.x);
    free(model->calibration.y);
    free(model);
}

const char *model_id(const struct model *model)
{
    return model->id;
}

const char *model_kind(const struct model *model)
{
    switch (model->kind) {
    case MODEL_LINEAR:
        return "linear-logistic";
    case MODEL_FOREST:
        return "random-forest";
    case MODEL_BOOSTING:
        return "gradient-boosting";
    }
    return "";
}

size_t model_inputs(const struct model *model)
{
    return model->input_count;
}

void model_use_kernel(struct model *model, const struct kernel *kernel)
{
    model->kernel = kernel;
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

// The place of a number in the table of its input; a number that the table does not hold has none.
static int place_of(const struct input *input, double number)
{
    double at = number - input->table_min;
    if (input->table == NULL || !(at >= 0 && at < (double)input->table_count))
        return INPUT_NO_PLACE;
    int place = (int)at;
    return place == at ? place : INPUT_NO_PLACE;
}

static struct located locate_level(const struct model *model, const struct input *input,
                                   struct bytes text)
{
    const struct attribute *attribute = &model->features->attributes[input->attribute];
    int category = attribute_category(attribute, text);
    int level = category < 0 ? LEVEL_NONE : input->levels[category];
    enum found found = FOUND_USUAL;
    if (level < 0) {
        found = input->refuses_unknown ? FOUND_REFUSED : FOUND_OUTSIDE;
        level = input->unknown_level;
    }
    int place = level < 0 ? (int)input->table_count + 1 : level;
    return (struct located){found, input->table == NULL ? INPUT_NO_PLACE : place, level};
}

static struct located locate_number(const struct input *input, double number)
{
    if (number >= input->train_min && number <= input->train_max)
        return (struct located){FOUND_USUAL, place_of(input, number), number};
    if (input->outside == OUTSIDE_CLIP)
        number = number < input->train_min ? input->train_min : input->train_max;
    enum found found = input->outside == OUTSIDE_REJECT ? FOUND_REFUSED : FOUND_OUTSIDE;
    return (struct located){found, place_of(input, number), number};
}

struct located input_locate(const struct model *model, const struct input *input,
                            const struct value *value)
{
    const int missing = input->table == NULL ? INPUT_NO_PLACE : (int)input->table_count;
    if (value->kind == VALUE_NULL) {
        enum found found = input->refuses_missing ? FOUND_REFUSED : FOUND_MISSING;
        return (struct located){found, missing, input->imputed};
    }
    bool is_category = input->type == ATTRIBUTE_CATEGORY;
    if (is_category && value->kind == VALUE_TEXT)
        return locate_level(model, input, value->text);
    // Values are checked before they come here, so another kind is no case of its own.
    if (is_category || (value->kind != VALUE_INTEGER && value->kind != VALUE_REAL) ||
        isnan(attribute_number(value)))
        return (struct located){FOUND_REFUSED, missing, input->imputed};
    return locate_number(input, attribute_number(value));
}

double calibration_apply(const struct calibration *calibration, double raw, double probability)
{
    const double *x = calibration->x, *y = calibration->y;
    const size_t last = calibration->count - 1;
    if (calibration->type != CALIBRATION_ISOTONIC)
        return probability;
    if (raw <= x[0])
        return y[0];
    if (raw >= x[last])
        return y[last];
    size_t low = 0, high = last; // x[low] < raw < x[high]
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (x[middle] <= raw)
            low = middle;
        else
            high = middle;
    }
    return (y[high] - y[low]) / (x[high] - x[low]) * (raw - x[low]) + y[low];
}

static enum err describe_one(const struct model *model, const struct input *input,
                             const struct value *value, struct text *out)
{
    if (input_locate(model, input, value).found == FOUND_USUAL)
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

size_t model_missing(const struct model *model, const struct value *attributes, size_t *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < model->input_count; i++)
        if (attributes[model->inputs[i].attribute].kind == VALUE_NULL)
            ret[count++] = model->inputs[i].attribute;
    return count;
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
