// SPDX-License-Identifier: MIT
// The inputs of a model: which attributes of the features file, and what each policy makes of a
// value that is missing, unknown or outside of what the training saw.

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/parts.h"

enum { NAME_MAX_BYTES = 256, WHERE_MAX = 64 };

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
        if (category < 0 ||
            !bytes_equal_string(json_as_bytes(level), attribute->categories[category].name))
            return refuse(why, where, "has a category that the features file does not name so");
        if (input->levels[category] >= 0)
            return refuse(why, where, "has a category twice");
        input->levels[category] = (int)i;
    }
    input->level_count = json_count(list);
    return input->level_count > 0 ? ERR_OK : refuse(why, where, "has no categories");
}

static enum err read_unknown(const struct json *node, const char *where, const struct model *model,
                             struct input *input, struct why *why)
{
    static const char *const members[] = {"policy", "value"};
    const struct json *unknown = NULL;
    const char *policy = NULL, *value = NULL;
    enum err err = json_get_object(node, where, "unknown", &unknown, why);
    if (err == ERR_OK)
        err = json_get_string(unknown, where, "policy", NAME_MAX_BYTES, &policy, why);
    if (err != ERR_OK)
        return err;
    bool maps = strcmp(policy, "map") == 0;
    input->refuses_unknown = strcmp(policy, "reject") == 0;
    input->unknown_level = LEVEL_NONE;
    if (!maps && !input->refuses_unknown && strcmp(policy, "zero") != 0)
        return refuse(why, where, "unknown.policy is none of reject, zero, map");
    err = json_only_members(unknown, where, members, maps ? 2 : 1, why);
    if (err != ERR_OK || !maps)
        return err;
    err = json_get_string(unknown, where, "value", NAME_MAX_BYTES, &value, why);
    if (err != ERR_OK)
        return err;
    input->unknown_level = level_of(model, input, bytes_from_string(value));
    return input->unknown_level >= 0
               ? ERR_OK
               : refuse(why, where, "unknown.value is none of the categories");
}

static enum err read_outside(const struct json *node, const char *where, struct input *input,
                             struct why *why)
{
    static const char *const members[] = {"policy"};
    static const char *const policies[] = {
        [OUTSIDE_CLIP] = "clip", [OUTSIDE_SCORE] = "score", [OUTSIDE_REJECT] = "reject"};
    const struct json *outside = NULL;
    const char *policy = NULL;
    enum err err = json_get_object(node, where, "outside", &outside, why);
    if (err == ERR_OK)
        err = json_only_members(outside, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_string(outside, where, "policy", NAME_MAX_BYTES, &policy, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (strcmp(policy, policies[i]) == 0) {
            input->outside = (enum outside)i;
            return ERR_OK;
        }
    return refuse(why, where, "outside.policy is none of clip, score, reject");
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
    if (attribute->type == ATTRIBUTE_INTEGER) { // within 32 bits
        input->quick_first = (int64_t)input->train_min;
        input->quick_count = (uint64_t)(input->train_max - input->train_min) + 1;
    }
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
    static const char *const of_number[] = {"name",      "type",      "missing",
                                            "train_min", "train_max", "outside"};
    struct input *input = &model->inputs[model->input_count];
    enum err err = must_be_object(node, where, why);
    if (err == ERR_OK)
        err = read_identity(node, where, model, input, why);
    if (err != ERR_OK)
        return err;
    model->input_count++;
    bool is_category = input->type == ATTRIBUTE_CATEGORY;
    err = json_only_members(node, where, is_category ? of_category : of_number,
                            is_category ? ARRAY_LEN(of_category) : ARRAY_LEN(of_number), why);
    if (err == ERR_OK && is_category)
        err = read_levels(node, where, model, input, why);
    if (err == ERR_OK && is_category)
        err = read_unknown(node, where, model, input, why);
    if (err == ERR_OK && !is_category)
        err = read_training_range(node, where, model, input, why);
    if (err == ERR_OK && !is_category)
        err = read_outside(node, where, input, why);
    return err == ERR_OK ? read_missing(node, where, model, input, why) : err;
}

enum err model_read_inputs(const struct json *root, struct model *model, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(root, "", "features", FEATURES_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    if (json_count(list) == 0)
        return refuse(why, "features", "is empty");
    model->inputs = mem_zalloc(json_count(list) * sizeof *model->inputs);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "features[%zu]", i);
        err = read_input(json_at(list, i), where, model, why);
    }
    return err;
}
