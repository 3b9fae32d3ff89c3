// SPDX-License-Identifier: MIT
// From the JSON of an artefact to a model. A model decides about people, so nothing in the file is
// guessed: every member is known or the file is refused, every count has a limit that is looked at
// before memory is taken, every name must be an input of the features file with the same type. What
// this cannot see (a weight with a wrong digit) the golden vectors see.

#include "model/parts.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { NAME_MAX_BYTES = 256, TERMS_MAX = 8192, TABLE_MAX = 64, WHERE_MAX = 64 };

static enum err refuse(struct why *why, const char *where, const char *what)
{
    return why_code(why, ERR_REJECT, "bad-model", "%s: %s", where, what);
}

static enum err must_be_object(const struct json *node, const char *where, struct why *why)
{
    if (node == NULL || json_kind(node) != JSON_KIND_OBJECT)
        return refuse(why, where, "is not an object");
    return ERR_OK;
}

static const struct attribute *attribute_of(const struct model *model, const struct input *input)
{
    return &model->features->attributes[input->attribute];
}

// The level with that name, or -1.
static int level_of(const struct model *model, const struct input *input, struct bytes text)
{
    int category = attribute_category(attribute_of(model, input), text);
    return category < 0 ? -1 : input->levels[category];
}

static enum err read_levels(const struct json *node, const char *where, const struct model *model,
                            struct input *input, struct why *why)
{
    const struct attribute *attribute = attribute_of(model, input);
    const struct json *list = NULL;
    enum err err = json_get_array(node, where, "categories", FEATURES_CATEGORIES_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    input->levels = mem_array(attribute->category_count, sizeof *input->levels);
    for (size_t i = 0; i < attribute->category_count; i++)
        input->levels[i] = -1;
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *level = json_at(list, i);
        int category = json_kind(level) == JSON_KIND_STRING
                           ? attribute_category(attribute, json_as_bytes(level))
                           : -1;
        if (category < 0)
            return refuse(why, where, "has a category that the features file does not know");
        if (input->levels[category] >= 0)
            return refuse(why, where, "has a category twice");
        input->levels[category] = (int)i;
    }
    input->level_count = json_count(list);
    return input->level_count > 0 ? ERR_OK : refuse(why, where, "has no categories");
}

static enum err read_unknown(const struct json *node, const char *where, struct input *input,
                             struct why *why)
{
    const char *policy = NULL;
    enum err err = json_get_string(node, where, "unknown", NAME_MAX_BYTES, &policy, why);
    if (err != ERR_OK)
        return err;
    input->refuses_unknown = strcmp(policy, "reject") == 0;
    if (!input->refuses_unknown && strcmp(policy, "zero") != 0)
        return refuse(why, where, "unknown is neither reject nor zero");
    return ERR_OK;
}

// A number that the attribute may have.
static bool is_possible(const struct attribute *attribute, double value)
{
    bool is_whole = attribute->type != ATTRIBUTE_INTEGER || value == floor(value);
    return is_whole && value >= attribute->min && value <= attribute->max;
}

static enum err read_training_range(const struct json *node, const char *where,
                                    const struct model *model, struct input *input, struct why *why)
{
    const struct attribute *attribute = attribute_of(model, input);
    enum err err = json_get_number(node, where, "train_min", &input->train_min, why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "train_max", &input->train_max, why);
    if (err != ERR_OK)
        return err;
    if (!is_possible(attribute, input->train_min) || !is_possible(attribute, input->train_max) ||
        input->train_min > input->train_max)
        return refuse(why, where, "train_min and train_max are no range of this attribute");
    return ERR_OK;
}

static enum err read_imputed(const struct json *value, const char *where, const struct model *model,
                             struct input *input, struct why *why)
{
    enum json_kind kind = value == NULL ? JSON_KIND_NULL : json_kind(value);
    if (input->type == ATTRIBUTE_CATEGORY) {
        int level = kind == JSON_KIND_STRING ? level_of(model, input, json_as_bytes(value)) : -1;
        input->imputed = level;
        return level >= 0 ? ERR_OK : refuse(why, where, "missing.value is none of the categories");
    }
    bool is_number = kind == JSON_KIND_INTEGER || kind == JSON_KIND_REAL;
    input->imputed = is_number ? json_as_number(value) : (double)NAN;
    if (!is_possible(attribute_of(model, input), input->imputed))
        return refuse(why, where, "missing.value is no value of this attribute");
    return ERR_OK;
}

static enum err read_missing(const struct json *node, const char *where, const struct model *model,
                             struct input *input, struct why *why)
{
    static const char *const of_impute[] = {"policy", "value"};
    const struct json *missing = NULL;
    const char *policy = NULL;
    enum err err = json_get_object(node, where, "missing", &missing, why);
    if (err == ERR_OK)
        err = json_get_string(missing, where, "policy", NAME_MAX_BYTES, &policy, why);
    if (err != ERR_OK)
        return err;
    input->refuses_missing = strcmp(policy, "reject") == 0;
    if (!input->refuses_missing && strcmp(policy, "impute") != 0)
        return refuse(why, where, "missing.policy is neither impute nor reject");
    err = json_only_members(missing, where, of_impute, input->refuses_missing ? 1 : 2, why);
    if (err != ERR_OK || input->refuses_missing)
        return err;
    return read_imputed(json_member(missing, "value"), where, model, input, why);
}

static bool type_is(enum attribute_type type, const char *name)
{
    switch (type) {
    case ATTRIBUTE_INTEGER:
        return strcmp(name, "integer") == 0;
    case ATTRIBUTE_REAL:
        return strcmp(name, "real") == 0;
    case ATTRIBUTE_CATEGORY:
        return strcmp(name, "category") == 0;
    }
    return false;
}

// Name and type: which attribute of the features file this input is.
static enum err read_identity(const struct json *node, const char *where, struct model *model,
                              struct input *input, struct why *why)
{
    const char *name = NULL, *type = NULL;
    enum err err = json_get_string(node, where, "name", FEATURES_NAME_MAX, &name, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "type", NAME_MAX_BYTES, &type, why);
    if (err != ERR_OK)
        return err;
    int index = features_find(model->features, bytes_from_string(name));
    if (index < 0)
        return refuse(why, where, "is no attribute of the features file");
    input->attribute = (size_t)index;
    const struct attribute *attribute = attribute_of(model, input);
    input->type = attribute->type;
    if (!type_is(attribute->type, type))
        return refuse(why, where, "has another type in the features file");
    if (!attribute->is_input)
        return refuse(why, where, "is for audit only, no input of a model");
    if (model_input(model, bytes_from_string(name)) != NULL)
        return refuse(why, where, "stands twice");
    return ERR_OK;
}

static enum err read_input(const struct json *node, const char *where, struct model *model,
                           struct why *why)
{
    static const char *const of_category[] = {"name", "type", "categories", "missing", "unknown"};
    static const char *const of_number[] = {"name", "type", "missing", "train_min", "train_max"};
    struct input *input = &model->inputs[model->input_count];
    enum err err = must_be_object(node, where, why);
    if (err == ERR_OK)
        err = read_identity(node, where, model, input, why);
    if (err != ERR_OK)
        return err;
    model->input_count++;
    bool is_category = input->type == ATTRIBUTE_CATEGORY;
    err = json_only_members(node, where, is_category ? of_category : of_number, 5, why);
    if (err == ERR_OK && is_category)
        err = read_levels(node, where, model, input, why);
    if (err == ERR_OK && is_category)
        err = read_unknown(node, where, input, why);
    if (err == ERR_OK && !is_category)
        err = read_training_range(node, where, model, input, why);
    return err == ERR_OK ? read_missing(node, where, model, input, why) : err;
}

static enum err read_inputs(const struct json *root, struct model *model, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(root, "", "features", FEATURES_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    model->inputs = mem_zalloc((json_count(list) + 1) * sizeof *model->inputs);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "features[%zu]", i);
        err = read_input(json_at(list, i), where, model, why);
    }
    return err;
}

static bool op_of(const char *name, enum term_op *ret)
{
    static const char *const ops[] = {
        [TERM_ID] = "id", [TERM_EQ] = "eq", [TERM_LE] = "le", [TERM_GE] = "ge"};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (strcmp(name, ops[i]) == 0) {
            *ret = (enum term_op)i;
            return true;
        }
    return false;
}

// What a term compares with: a level by its name, or a number.
static enum err read_operand(const struct json *node, const char *where, const struct model *model,
                             const struct input *input, struct term *term, struct why *why)
{
    if (input->type != ATTRIBUTE_CATEGORY)
        return term->op == TERM_ID ? ERR_OK : json_get_number(node, where, "v", &term->v, why);
    if (term->op != TERM_EQ)
        return refuse(why, where, "a category is only compared by eq");
    const char *text = NULL;
    enum err err = json_get_string(node, where, "v", NAME_MAX_BYTES, &text, why);
    if (err != ERR_OK)
        return err;
    int level = level_of(model, input, bytes_from_string(text));
    term->v = level;
    return level >= 0 ? ERR_OK : refuse(why, where, "v is none of the categories");
}

static enum err read_term(const struct json *node, const char *where, struct model *model,
                          struct why *why)
{
    static const char *const members[] = {"op", "f", "w", "m", "v"};
    const char *op = NULL, *name = NULL;
    struct term term = {0};
    enum err err = must_be_object(node, where, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "op", NAME_MAX_BYTES, &op, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "f", FEATURES_NAME_MAX, &name, why);
    if (err == ERR_OK && !op_of(op, &term.op))
        err = refuse(why, where, "op is none of id, eq, le, ge");
    if (err == ERR_OK)
        err = json_only_members(node, where, members, term.op == TERM_ID ? 4 : 5, why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "w", &term.w, why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "m", &term.m, why);
    if (err != ERR_OK)
        return err;
    struct input *input = model_input(model, bytes_from_string(name));
    if (input == NULL)
        return refuse(why, where, "f is none of the model's features");
    err = read_operand(node, where, model, input, &term, why);
    if (err != ERR_OK)
        return err;
    input->terms = mem_grow(input->terms, input->term_count + 1, sizeof *input->terms);
    input->terms[input->term_count++] = term;
    return ERR_OK;
}

static enum err read_linear(const struct json *root, struct model *model, struct why *why)
{
    static const char *const members[] = {"base", "terms"};
    const struct json *linear = NULL, *list = NULL;
    enum err err = json_get_object(root, "", "linear", &linear, why);
    if (err == ERR_OK)
        err = json_only_members(linear, "linear", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_number(linear, "linear", "base", &model->base, why);
    if (err == ERR_OK)
        err = json_get_array(linear, "linear", "terms", TERMS_MAX, &list, why);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "linear.terms[%zu]", i);
        err = read_term(json_at(list, i), where, model, why);
    }
    return err;
}

static enum err read_decision(const struct json *root, struct model *model, struct why *why)
{
    static const char *const of_calibration[] = {"type"};
    static const char *const of_decision[] = {"threshold", "elevated"};
    const struct json *calibration = NULL, *decision = NULL;
    const char *type = NULL;
    enum err err = json_get_object(root, "", "calibration", &calibration, why);
    if (err == ERR_OK)
        err = json_only_members(calibration, "calibration", of_calibration, 1, why);
    if (err == ERR_OK)
        err = json_get_string(calibration, "calibration", "type", NAME_MAX_BYTES, &type, why);
    if (err == ERR_OK && strcmp(type, "none") != 0)
        err = refuse(why, "calibration", "type is not \"none\"");
    if (err == ERR_OK)
        err = json_get_object(root, "", "decision", &decision, why);
    if (err == ERR_OK)
        err = json_only_members(decision, "decision", of_decision, 2, why);
    if (err == ERR_OK)
        err = json_get_number(decision, "decision", "threshold", &model->threshold, why);
    if (err == ERR_OK)
        err = json_get_number(decision, "decision", "elevated", &model->elevated_from, why);
    if (err == ERR_OK && !(model->elevated_from > 0 && model->elevated_from <= model->threshold &&
                           model->threshold < 1))
        err = refuse(why, "decision", "not 0 < elevated <= threshold < 1");
    return err;
}

// Where the training came from is for people; a reader only refuses what it has never heard of.
static enum err read_training(const struct json *root, struct why *why)
{
    static const char *const members[] = {"data",  "data_sha256", "rows",       "positives",
                                          "label", "horizon",     "resampling", "penalty",
                                          "C",     "solver",      "libraries"};
    const struct json *training = NULL;
    enum err err = json_get_object(root, "", "training", &training, why);
    return err == ERR_OK ? json_only_members(training, "training", members, ARRAY_LEN(members), why)
                         : err;
}

static void fill_table(struct input *input)
{
    bool is_category = input->type == ATTRIBUTE_CATEGORY;
    double span = input->train_max - input->train_min;
    if (!is_category && (input->type != ATTRIBUTE_INTEGER || span >= TABLE_MAX))
        return;
    size_t count = is_category ? input->level_count : (size_t)span + 1;
    input->table_count = count;
    input->table_min = is_category ? 0 : input->train_min;
    input->table = mem_array(count + 2, sizeof *input->table);
    for (size_t i = 0; i < count; i++)
        input->table[i] = model_contribution(input, input->table_min + (double)i);
    input->table[count] = model_contribution(input, input->imputed);
    input->table[count + 1] = model_contribution(input, -1);
}

enum err model_read(const struct json *root, struct model *model, struct why *why)
{
    static const char *const members[] = {"format",   "format_version", "kind",
                                          "features", "linear",         "calibration",
                                          "decision", "training",       "golden"};
    const char *format = NULL, *kind = NULL;
    int64_t version = 0;
    enum err err = must_be_object(root, "the artefact", why);
    if (err == ERR_OK)
        err = json_get_string(root, "", "format", NAME_MAX_BYTES, &format, why);
    if (err == ERR_OK && strcmp(format, "attrition-model") != 0)
        err = refuse(why, "format", "is not \"attrition-model\"");
    if (err == ERR_OK)
        err = json_get_integer(root, "", "format_version", 1, 1, &version, why);
    if (err == ERR_OK)
        err = json_get_string(root, "", "kind", NAME_MAX_BYTES, &kind, why);
    if (err == ERR_OK && strcmp(kind, "linear-logistic") != 0)
        err = refuse(why, "kind", "is not \"linear-logistic\"");
    if (err == ERR_OK)
        err = json_only_members(root, "", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = read_inputs(root, model, why);
    if (err == ERR_OK)
        err = read_linear(root, model, why);
    if (err == ERR_OK)
        err = read_decision(root, model, why);
    if (err == ERR_OK)
        err = read_training(root, why);
    for (size_t i = 0; err == ERR_OK && i < model->input_count; i++)
        fill_table(&model->inputs[i]);
    return err;
}
