// SPDX-License-Identifier: MIT
// What a model is made of, and what one row of values means to it. A linear model is a sum of
// functions of one attribute each: levels and small integers have tables, made at load by the very
// function that computes the contributions of other numbers, so both ways give the same bits. The
// arithmetic over rows is block.c's and kernel.c's.

#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "domain/employee.h"
#include "json/json.h"
#include "model/parts.h"

enum { FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 8 };

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
    int level = category < 0 ? -1 : input->levels[category];
    if (level >= 0)
        return (struct located){FOUND_USUAL, level, level};
    enum found found = input->refuses_unknown ? FOUND_REFUSED : FOUND_OUTSIDE;
    return (struct located){found, (int)input->table_count + 1, -1};
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
    if (is_category || (value->kind != VALUE_INTEGER && value->kind != VALUE_REAL))
        return (struct located){FOUND_REFUSED, missing, input->imputed};
    double number = attribute_number(value);
    bool is_usual = number >= input->train_min && number <= input->train_max;
    return (struct located){is_usual ? FOUND_USUAL : FOUND_OUTSIDE, place_of(input, number),
                            number};
}

bool model_contributions(const struct model *model, const struct value *attributes, double *ret)
{
    struct located places[FEATURES_MAX];
    for (size_t i = 0; i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        places[i] = input_locate(model, input, &attributes[input->attribute]);
        if (places[i].found == FOUND_REFUSED)
            return false;
    }
    memset(ret, 0, model->features->count * sizeof *ret);
    for (size_t i = 0; i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        ret[input->attribute] = places[i].place != INPUT_NO_PLACE
                                    ? input->table[places[i].place]
                                    : model_contribution(input, places[i].number);
    }
    return true;
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

enum err model_describe(const struct model *model, const struct value *attributes, struct text *out)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        err = describe_one(model, input, &attributes[input->attribute], out);
    }
    return err;
}
