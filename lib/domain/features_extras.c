// SPDX-License-Identifier: MIT
// What an attribute has beside its values: words for people, other names in files, what can be
// changed about it. Policies and steps are the training's business; they are read all the same, so
// that a slip in them is found by whichever program sees the file first.

#include "domain/features_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "domain/employee.h"

enum {
    WORDS_MAX = 120,
    LABELS_MAX = 64,
    HEADERS_MAX = 16,
    STEPS_MAX = 64,
    GROUPS_MAX = 16,
    WHERE_MAX = 160
};

static enum err refuse(struct why *why, const char *where, const char *what)
{
    return why_code(why, ERR_REJECT, "bad-features", "%s: %s", where, what);
}

static enum err read_text(const struct json *node, const char *where, size_t max, char **ret,
                          struct why *why)
{
    if (node == NULL || json_kind(node) != JSON_KIND_STRING)
        return refuse(why, where, "is not a text");
    struct bytes text = json_as_bytes(node);
    if (text.len == 0 || text.len > max || !text_is_printable(text))
        return why_code(why, ERR_REJECT, "bad-features",
                        "%s: has not 1 to %zu bytes without control characters", where, max);
    *ret = mem_dup_bytes(text.data, text.len);
    return ERR_OK;
}

enum err features_read_words(const struct json *node, const char *where, struct words *words,
                             struct why *why)
{
    static const char *const members[] = {[LANGUAGE_EN] = "en", [LANGUAGE_FR] = "fr"};
    const struct json *object = NULL;
    if (json_member(node, "words") == NULL)
        return ERR_OK;
    char place[WHERE_MAX];
    snprintf(place, sizeof place, "%s.words", where);
    enum err err = json_get_object(node, where, "words", &object, why);
    if (err == ERR_OK)
        err = json_only_members(object, place, members, LANGUAGES, why);
    for (size_t i = 0; err == ERR_OK && i < LANGUAGES; i++) {
        char language[WHERE_MAX + 8];
        snprintf(language, sizeof language, "%s.%s", place, members[i]);
        err = read_text(json_member(object, members[i]), language, WORDS_MAX, &words->in[i], why);
    }
    return err;
}

// A number that the attribute may have.
static bool is_value(const struct attribute *attribute, double value)
{
    return value >= attribute->min && value <= attribute->max &&
           (attribute->type != ATTRIBUTE_INTEGER || value == floor(value));
}

static enum err read_label(const struct json *node, const char *where, struct attribute *attribute,
                           struct why *why)
{
    static const char *const members[] = {"value", "words"};
    if (json_kind(node) != JSON_KIND_OBJECT)
        return refuse(why, where, "is not an object");
    struct label *label = &attribute->labels[attribute->label_count++];
    enum err err = json_only_members(node, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "value", &label->value, why);
    if (err == ERR_OK)
        err = features_read_words(node, where, &label->words, why);
    if (err != ERR_OK)
        return err;
    if (!is_value(attribute, label->value))
        return refuse(why, where, "value is none of this attribute");
    for (const struct label *other = attribute->labels; other < label; other++)
        if (other->value == label->value)
            return refuse(why, where, "value stands twice");
    return ERR_OK;
}

static enum err read_labels(const struct json *node, const char *where, struct attribute *attribute,
                            struct why *why)
{
    const struct json *list = NULL;
    if (json_member(node, "labels") == NULL)
        return ERR_OK;
    if (attribute->type != ATTRIBUTE_INTEGER)
        return refuse(why, where, "labels are for integers only");
    enum err err = json_get_array(node, where, "labels", LABELS_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    attribute->labels = mem_array(json_count(list), sizeof *attribute->labels);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char place[WHERE_MAX];
        snprintf(place, sizeof place, "%s.labels[%zu]", where, i);
        err = read_label(json_at(list, i), place, attribute, why);
    }
    return err;
}

static enum err read_headers(const struct json *node, const char *where,
                             struct attribute *attribute, struct why *why)
{
    const struct json *list = NULL;
    if (json_member(node, "headers") == NULL)
        return ERR_OK;
    enum err err = json_get_array(node, where, "headers", HEADERS_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    attribute->headers = mem_array(json_count(list), sizeof *attribute->headers);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char place[WHERE_MAX];
        snprintf(place, sizeof place, "%s.headers[%zu]", where, i);
        err = read_text(json_at(list, i), place, EVENT_TEXT_MAX,
                        &attribute->headers[attribute->header_count], why);
        attribute->header_count += err == ERR_OK ? 1 : 0;
    }
    return err;
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static enum err read_policies(const struct json *node, const char *where,
                              const struct attribute *attribute, struct why *why)
{
    static const char *const missing[] = {"impute", "reject"};
    static const char *const outside[] = {"clip", "score", "reject"};
    static const char *const unknown[] = {"reject", "zero"};
    static const char *const of_number[] = {"missing", "outside"};
    static const char *const of_category[] = {"missing", "unknown"};
    const struct json *policies = NULL;
    const char *text = NULL;
    bool is_category = attribute->type == ATTRIBUTE_CATEGORY;
    if (json_member(node, "policies") == NULL)
        return ERR_OK;
    if (!attribute->is_input)
        return refuse(why, where, "policies are for inputs only");
    enum err err = json_get_object(node, where, "policies", &policies, why);
    if (err == ERR_OK)
        err = json_only_members(policies, where, is_category ? of_category : of_number, 2, why);
    if (err == ERR_OK)
        err = json_get_string_or(policies, where, "missing", EVENT_TEXT_MAX, "impute", &text, why);
    if (err == ERR_OK && !is_one_of(text, missing, ARRAY_LEN(missing)))
        err = refuse(why, where, "policies.missing is neither impute nor reject");
    if (err == ERR_OK)
        err = json_get_string_or(policies, where, "outside", EVENT_TEXT_MAX, "clip", &text, why);
    if (err == ERR_OK && !is_one_of(text, outside, ARRAY_LEN(outside)))
        err = refuse(why, where, "policies.outside is none of clip, score, reject");
    if (err == ERR_OK)
        err = json_get_string_or(policies, where, "unknown", EVENT_TEXT_MAX, "reject", &text, why);
    if (err == ERR_OK && !is_one_of(text, unknown, ARRAY_LEN(unknown)) &&
        attribute_category(attribute, bytes_from_string(text)) < 0)
        err = refuse(why, where, "policies.unknown is neither reject nor zero nor a category");
    return err;
}

static enum err read_step(const struct json *step, const char *where,
                          const struct attribute *attribute, struct why *why)
{
    static const char *const members[] = {"op", "value"};
    static const char *const ops[] = {"eq", "le", "ge"};
    const char *op = NULL;
    double value = 0;
    if (json_kind(step) != JSON_KIND_OBJECT)
        return refuse(why, where, "is not an object");
    enum err err = json_only_members(step, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_string(step, where, "op", FEATURES_NAME_MAX, &op, why);
    if (err == ERR_OK && !is_one_of(op, ops, ARRAY_LEN(ops)))
        err = refuse(why, where, "op is none of eq, le, ge");
    if (err == ERR_OK)
        err = json_get_number(step, where, "value", &value, why);
    if (err == ERR_OK && !is_value(attribute, value))
        err = refuse(why, where, "value is none of this attribute");
    return err;
}

static enum err read_steps(const struct json *node, const char *where,
                           const struct attribute *attribute, struct why *why)
{
    const struct json *list = NULL;
    if (json_member(node, "steps") == NULL)
        return ERR_OK;
    if (!attribute->is_input)
        return refuse(why, where, "steps are for inputs only");
    enum err err = json_get_array(node, where, "steps", STEPS_MAX, &list, why);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char place[WHERE_MAX];
        snprintf(place, sizeof place, "%s.steps[%zu]", where, i);
        err = read_step(json_at(list, i), place, attribute, why);
    }
    return err;
}

// Edges at which an audit number is cut into groups for the fairness report.
static enum err read_groups(const struct json *node, const char *where,
                            const struct attribute *attribute, struct why *why)
{
    const struct json *list = NULL;
    if (json_member(node, "groups") == NULL)
        return ERR_OK;
    if (attribute->is_input)
        return refuse(why, where, "groups are for audit attributes only");
    enum err err = json_get_array(node, where, "groups", GROUPS_MAX, &list, why);
    double last = (double)-INFINITY;
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        const struct json *edge = json_at(list, i);
        enum json_kind kind = json_kind(edge);
        if (kind != JSON_KIND_INTEGER && kind != JSON_KIND_REAL)
            return refuse(why, where, "groups has what is no number");
        if (!(json_as_number(edge) > last && is_value(attribute, json_as_number(edge))))
            return refuse(why, where, "groups do not ascend within the bounds");
        last = json_as_number(edge);
    }
    return err;
}

static enum err read_moves(const struct json *node, const char *where, struct attribute *attribute,
                           struct why *why)
{
    static const char *const members[] = {"direction", "step", "by"};
    static const char *const directions[] = {"up", "down", "both"};
    struct actionable *actionable = &attribute->actionable;
    const char *direction = NULL;
    enum err err = json_only_members(node, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "direction", FEATURES_NAME_MAX, &direction, why);
    if (err == ERR_OK && !is_one_of(direction, directions, ARRAY_LEN(directions)))
        err = refuse(why, where, "direction is none of up, down, both");
    if (err == ERR_OK)
        err = json_get_number(node, where, "step", &actionable->step, why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "by", &actionable->by, why);
    if (err != ERR_OK)
        return err;
    const double steps_max = 64;
    if (!(actionable->step > 0 && actionable->step <= actionable->by))
        return refuse(why, where, "not 0 < step <= by");
    if (actionable->by / actionable->step > steps_max)
        return refuse(why, where, "by is over 64 steps");
    if (attribute->type == ATTRIBUTE_INTEGER && actionable->step != floor(actionable->step))
        return refuse(why, where, "step of an integer is a whole number");
    actionable->is_up = strcmp(direction, "down") != 0;
    actionable->is_down = strcmp(direction, "up") != 0;
    return ERR_OK;
}

static enum err read_targets(const struct json *node, const char *where,
                             struct attribute *attribute, struct why *why)
{
    static const char *const members[] = {"to"};
    const struct json *list = NULL;
    enum err err = json_only_members(node, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_array(node, where, "to", FEATURES_CATEGORIES_MAX, &list, why);
    if (err == ERR_OK && json_count(list) == 0)
        err = refuse(why, where, "to is empty");
    if (err != ERR_OK)
        return err;
    bool *to = mem_array(attribute->category_count, sizeof *to);
    attribute->actionable.to = to;
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *name = json_at(list, i);
        int category = json_kind(name) == JSON_KIND_STRING
                           ? attribute_category(attribute, json_as_bytes(name))
                           : -1;
        if (category < 0 || to[category])
            return refuse(why, where, "to names what is no category, or one twice");
        to[category] = true;
    }
    return ERR_OK;
}

static enum err read_actionable(const struct json *node, const char *where,
                                struct attribute *attribute, struct why *why)
{
    const struct json *object = NULL;
    if (json_member(node, "actionable") == NULL)
        return ERR_OK;
    if (!attribute->is_input)
        return refuse(why, where, "only inputs are actionable");
    char place[WHERE_MAX];
    snprintf(place, sizeof place, "%s.actionable", where);
    enum err err = json_get_object(node, where, "actionable", &object, why);
    if (err != ERR_OK)
        return err;
    return attribute->type == ATTRIBUTE_CATEGORY ? read_targets(object, place, attribute, why)
                                                 : read_moves(object, place, attribute, why);
}

enum err features_read_extras(const struct json *node, const char *where,
                              struct attribute *attribute, struct why *why)
{
    enum err err = features_read_words(node, where, &attribute->words, why);
    if (err == ERR_OK)
        err = read_labels(node, where, attribute, why);
    if (err == ERR_OK)
        err = read_headers(node, where, attribute, why);
    if (err == ERR_OK)
        err = read_policies(node, where, attribute, why);
    if (err == ERR_OK)
        err = read_steps(node, where, attribute, why);
    if (err == ERR_OK)
        err = read_groups(node, where, attribute, why);
    return err == ERR_OK ? read_actionable(node, where, attribute, why) : err;
}
