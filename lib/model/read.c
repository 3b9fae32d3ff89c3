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

enum { NAME_MAX_BYTES = 256, TERMS_MAX = 8192, POINTS_MAX = 4096, TABLE_MAX = 64, WHERE_MAX = 64 };

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

// The level with that name, or -1.
static int level_of(const struct model *model, const struct input *input, struct bytes text)
{
    int category = attribute_category(&model->features->attributes[input->attribute], text);
    return category < 0 ? -1 : input->levels[category];
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

enum err model_read_column(const struct json *node, const char *where, const struct model *model,
                           struct input **ret_input, struct term *ret, struct why *why)
{
    const char *op = NULL, *name = NULL;
    enum err err = must_be_object(node, where, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "op", NAME_MAX_BYTES, &op, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "f", FEATURES_NAME_MAX, &name, why);
    if (err == ERR_OK && !op_of(op, &ret->op))
        err = refuse(why, where, "op is none of id, eq, le, ge");
    if (err != ERR_OK)
        return err;
    *ret_input = model_input(model, bytes_from_string(name));
    if (*ret_input == NULL)
        return refuse(why, where, "f is none of the model's features");
    return read_operand(node, where, model, *ret_input, ret, why);
}

static enum err read_term(const struct json *node, const char *where, struct model *model,
                          struct why *why)
{
    static const char *const members[] = {"op", "f", "w", "m", "v"};
    struct input *input = NULL;
    struct term term = {0};
    enum err err = model_read_column(node, where, model, &input, &term, why);
    if (err == ERR_OK)
        err = json_only_members(node, where, members, term.op == TERM_ID ? 4 : 5, why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "w", &term.w, why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "m", &term.m, why);
    if (err != ERR_OK)
        return err;
    input->terms = mem_grow(input->terms, input->term_count + 1, sizeof *input->terms);
    input->terms[input->term_count++] = term;
    return ERR_OK;
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

enum err model_read_linear(const struct json *root, struct model *model, struct why *why)
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
    for (size_t i = 0; err == ERR_OK && i < model->input_count; i++)
        fill_table(&model->inputs[i]);
    model->reference = model->base;
    return err;
}

// An ascending list of numbers; `ret` is the model's to free.
static enum err read_points(const struct json *node, const char *name, size_t count, double **ret,
                            struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(node, "calibration", name, POINTS_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    if (json_count(list) != count)
        return refuse(why, "calibration", "x and y are not of one length, from 1 on");
    *ret = mem_array(count, sizeof **ret);
    for (size_t i = 0; i < count; i++) {
        const struct json *number = json_at(list, i);
        enum json_kind kind = json_kind(number);
        if (kind != JSON_KIND_INTEGER && kind != JSON_KIND_REAL)
            return refuse(why, "calibration", "x or y holds what is no number");
        (*ret)[i] = json_as_number(number);
    }
    return ERR_OK;
}

static enum err read_isotonic(const struct json *node, struct calibration *calibration,
                              struct why *why)
{
    static const char *const members[] = {"type", "x", "y"};
    enum err err = json_only_members(node, "calibration", members, ARRAY_LEN(members), why);
    size_t count = json_count(json_member(node, "x"));
    if (err == ERR_OK && count == 0)
        err = refuse(why, "calibration", "x and y are not of one length, from 1 on");
    if (err == ERR_OK)
        err = read_points(node, "x", count, &calibration->x, why);
    if (err == ERR_OK)
        err = read_points(node, "y", count, &calibration->y, why);
    if (err != ERR_OK)
        return err;
    const double *x = calibration->x, *y = calibration->y;
    for (size_t i = 0; i < count; i++) {
        if (!(y[i] >= 0 && y[i] <= 1) || (i > 0 && y[i] < y[i - 1]))
            return refuse(why, "calibration", "y does not rise within 0 to 1");
        if (i > 0 && !(x[i] > x[i - 1] && isfinite(x[i] - x[i - 1])))
            return refuse(why, "calibration", "x does not ascend");
    }
    calibration->type = CALIBRATION_ISOTONIC;
    calibration->count = count;
    return ERR_OK;
}

static enum err read_sigmoid(const struct json *node, struct calibration *calibration,
                             struct why *why)
{
    static const char *const members[] = {"type", "slope", "intercept"};
    enum err err = json_only_members(node, "calibration", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_number(node, "calibration", "slope", &calibration->slope, why);
    if (err == ERR_OK)
        err = json_get_number(node, "calibration", "intercept", &calibration->intercept, why);
    if (err == ERR_OK && !(calibration->slope > 0))
        err = refuse(why, "calibration", "slope is not above 0");
    calibration->type = CALIBRATION_SIGMOID;
    return err;
}

static enum err read_calibration(const struct json *root, struct model *model, struct why *why)
{
    static const char *const of_none[] = {"type"};
    const struct json *node = NULL;
    const char *type = NULL;
    model->calibration = (struct calibration){.type = CALIBRATION_NONE, .slope = 1};
    enum err err = json_get_object(root, "", "calibration", &node, why);
    if (err == ERR_OK)
        err = json_get_string(node, "calibration", "type", NAME_MAX_BYTES, &type, why);
    if (err != ERR_OK)
        return err;
    if (model->kind == MODEL_FOREST && strcmp(type, "sigmoid") != 0)
        return refuse(why, "calibration", "of a random forest is sigmoid, nothing else");
    if (strcmp(type, "none") == 0)
        return json_only_members(node, "calibration", of_none, 1, why);
    if (strcmp(type, "isotonic") == 0)
        return read_isotonic(node, &model->calibration, why);
    if (strcmp(type, "sigmoid") != 0)
        return refuse(why, "calibration", "type is none of none, sigmoid, isotonic");
    err = read_sigmoid(node, &model->calibration, why);
    model->reference = model->calibration.slope * model->reference + model->calibration.intercept;
    return err;
}

static enum err read_decision(const struct json *root, struct model *model, struct why *why)
{
    static const char *const members[] = {"threshold", "elevated"};
    const struct json *decision = NULL;
    enum err err = json_get_object(root, "", "decision", &decision, why);
    if (err == ERR_OK)
        err = json_only_members(decision, "decision", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_number(decision, "decision", "threshold", &model->threshold, why);
    if (err == ERR_OK)
        err = json_get_number(decision, "decision", "elevated", &model->elevated_from, why);
    if (err == ERR_OK && !(model->elevated_from > 0 && model->elevated_from <= model->threshold &&
                           model->threshold < 1))
        err = refuse(why, "decision", "not 0 < elevated <= threshold < 1");
    return err;
}

// Format, version and kind; then which members there may be.
static enum err read_frame(const struct json *root, struct model *model, struct why *why)
{
    static const char *const kinds[] = {[MODEL_LINEAR] = "linear-logistic",
                                        [MODEL_FOREST] = "random-forest",
                                        [MODEL_BOOSTING] = "gradient-boosting"};
    const char *members[] = {"format",   "format_version", "kind",     "features",  "linear",
                             "decision", "calibration",    "training", "reference", "metrics",
                             "fairness", "golden",         "seal"};
    const char *format = NULL, *kind = NULL;
    int64_t version = 0;
    enum err err = must_be_object(root, "the artefact", why);
    if (err == ERR_OK)
        err = json_get_string(root, "", "format", NAME_MAX_BYTES, &format, why);
    if (err == ERR_OK && strcmp(format, "attrition-model") != 0)
        err = refuse(why, "format", "is not \"attrition-model\"");
    if (err == ERR_OK)
        err = json_get_integer(root, "", "format_version", 2, 2, &version, why);
    if (err == ERR_OK)
        err = json_get_string(root, "", "kind", NAME_MAX_BYTES, &kind, why);
    if (err != ERR_OK)
        return err;
    size_t at = 0;
    while (at < ARRAY_LEN(kinds) && strcmp(kind, kinds[at]) != 0)
        at++;
    if (at == ARRAY_LEN(kinds))
        return refuse(why, "kind", "is none of linear-logistic, random-forest, gradient-boosting");
    model->kind = (enum model_kind)at;
    if (model->kind != MODEL_LINEAR)
        members[4] = "trees";
    return json_only_members(root, "", members, ARRAY_LEN(members), why);
}

enum err model_read(const struct json *root, struct model *model, struct why *why)
{
    enum err err = read_frame(root, model, why);
    if (err == ERR_OK)
        err = model_read_inputs(root, model, why);
    if (err == ERR_OK)
        err = model->kind == MODEL_LINEAR ? model_read_linear(root, model, why)
                                          : model_read_trees(root, model, why);
    if (err == ERR_OK)
        err = read_calibration(root, model, why);
    if (err == ERR_OK)
        err = read_decision(root, model, why);
    return err == ERR_OK ? model_read_report(root, model, why) : err;
}
