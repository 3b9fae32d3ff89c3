// SPDX-License-Identifier: MIT
// What holds between the values of a person (rules), and what of them may be told to a plan's
// writer (facts). A fact of an attribute that is for audit only, or that the file forbids, is
// refused here, so no later edit of a list can let one out.

#include "domain/features_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { RULES_MAX = 64, BANDS_MAX = 32, WHERE_MAX = 96 };

static enum err refuse(struct why *why, const char *where, const char *what)
{
    return why_code(why, ERR_REJECT, "bad-features", "%s: %s", where, what);
}

// Lower case letters, digits and '-'.
static enum err read_id(const struct json *node, const char *where, const char *member, char **ret,
                        struct why *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *id = NULL;
    enum err err = json_get_string(node, where, member, FEATURES_NAME_MAX, &id, why);
    if (err != ERR_OK)
        return err;
    if (id[0] == '\0' || strspn(id, allowed) != strlen(id))
        return refuse(why, where, "its name has other than lower case letters, digits and '-'");
    *ret = mem_dup(id);
    return ERR_OK;
}

static enum err must_be_object(const struct json *node, const char *where, struct why *why)
{
    return json_kind(node) == JSON_KIND_OBJECT ? ERR_OK : refuse(why, where, "is not an object");
}

// The attribute that a member names.
static enum err find(const struct features *features, const struct json *node, const char *where,
                     const char *member, size_t *ret, struct why *why)
{
    const char *name = NULL;
    enum err err = json_get_string(node, where, member, FEATURES_NAME_MAX, &name, why);
    if (err != ERR_OK)
        return err;
    int at = features_find(features, bytes_from_string(name));
    if (at < 0)
        return refuse(why, where, "names an attribute that is not there");
    *ret = (size_t)at;
    return ERR_OK;
}

static enum err find_number(const struct features *features, const struct json *node,
                            const char *where, const char *member, size_t *ret, struct why *why)
{
    enum err err = find(features, node, where, member, ret, why);
    if (err == ERR_OK && features->attributes[*ret].type == ATTRIBUTE_CATEGORY)
        err = refuse(why, where, "compares what is no number");
    return err;
}

static bool op_of(const char *text, enum rule_op *ret)
{
    static const char *const ops[] = {[RULE_LT] = "lt", [RULE_LE] = "le", [RULE_EQ] = "eq",
                                      [RULE_NE] = "ne", [RULE_GE] = "ge", [RULE_GT] = "gt"};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (strcmp(text, ops[i]) == 0) {
            *ret = (enum rule_op)i;
            return true;
        }
    return false;
}

static enum err read_rule(const struct json *node, const char *where,
                          const struct features *features, struct rule *rule, struct why *why)
{
    static const char *const members[] = {"id", "left", "op", "right", "add", "refuse", "words"};
    const char *op = NULL;
    enum err err = must_be_object(node, where, why);
    if (err == ERR_OK)
        err = json_only_members(node, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = read_id(node, where, "id", &rule->id, why);
    if (err == ERR_OK)
        err = find_number(features, node, where, "left", &rule->left, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "op", FEATURES_NAME_MAX, &op, why);
    if (err == ERR_OK && !op_of(op, &rule->op))
        err = refuse(why, where, "op is none of lt, le, eq, ne, ge, gt");
    if (err == ERR_OK)
        err = json_get_number(node, where, "add", &rule->add, why);
    if (err == ERR_OK)
        err = features_read_words(node, where, &rule->words, why);
    const struct json *right = json_member(node, "right"), *refuses = json_member(node, "refuse");
    if (err == ERR_OK && (refuses == NULL || json_kind(refuses) != JSON_KIND_BOOLEAN))
        err = refuse(why, where, "refuse is neither true nor false");
    if (err == ERR_OK && right == NULL)
        err = refuse(why, where, "has no right");
    if (err != ERR_OK)
        return err;
    rule->refuses = json_as_boolean(refuses);
    rule->right = -1;
    if (json_kind(right) == JSON_KIND_NULL)
        return ERR_OK;
    size_t at = 0;
    err = find_number(features, node, where, "right", &at, why);
    rule->right = (int)at;
    return err;
}

enum err features_read_rules(const struct json *root, struct features *features, struct why *why)
{
    const struct json *list = NULL;
    if (json_member(root, "rules") == NULL)
        return ERR_OK;
    enum err err = json_get_array(root, "", "rules", RULES_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    features->rules = mem_array(json_count(list), sizeof *features->rules);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "rules[%zu]", i);
        features->rule_count = i + 1;
        err = read_rule(json_at(list, i), where, features, &features->rules[i], why);
        for (size_t j = 0; err == ERR_OK && j < i; j++)
            if (strcmp(features->rules[j].id, features->rules[i].id) == 0)
                err = refuse(why, where, "its id stands twice");
    }
    return err;
}

// The categories of a band; `taken` says which the bands before it hold.
static enum err read_members(const struct json *node, const char *where,
                             const struct attribute *attribute, bool *taken, struct fact_band *band,
                             struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(node, where, "of", FEATURES_CATEGORIES_MAX, &list, why);
    if (err == ERR_OK && json_count(list) == 0)
        err = refuse(why, where, "of is empty");
    if (err != ERR_OK)
        return err;
    band->of = mem_array(attribute->category_count, sizeof *band->of);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *name = json_at(list, i);
        int category = json_kind(name) == JSON_KIND_STRING
                           ? attribute_category(attribute, json_as_bytes(name))
                           : -1;
        if (category < 0 || taken[category])
            return refuse(why, where, "of names what is no category, or one twice");
        band->of[category] = taken[category] = true;
    }
    return ERR_OK;
}

static enum err read_band(const struct json *node, const char *where,
                          const struct attribute *attribute, bool is_last, bool *taken,
                          struct fact_band *band, struct why *why)
{
    static const char *const of_number[] = {"name", "words", "upto"};
    static const char *const of_category[] = {"name", "words", "of"};
    bool is_category = attribute->type == ATTRIBUTE_CATEGORY;
    enum err err = must_be_object(node, where, why);
    if (err == ERR_OK)
        err = json_only_members(node, where, is_category ? of_category : of_number, 3, why);
    if (err == ERR_OK)
        err = read_id(node, where, "name", &band->name, why);
    if (err == ERR_OK)
        err = features_read_words(node, where, &band->words, why);
    if (err != ERR_OK)
        return err;
    if (is_category)
        return is_last && json_member(node, "of") == NULL
                   ? ERR_OK
                   : read_members(node, where, attribute, taken, band, why);
    band->upto = (double)INFINITY;
    if (!is_last)
        return json_get_number(node, where, "upto", &band->upto, why);
    return json_member(node, "upto") == NULL ? ERR_OK
                                             : refuse(why, where, "the last band has no upto");
}

static enum err read_bands(const struct json *node, const char *where,
                           const struct attribute *attribute, struct fact *fact, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(node, where, "bands", BANDS_MAX, &list, why);
    if (err == ERR_OK && json_count(list) == 0)
        err = refuse(why, where, "has no bands");
    if (err != ERR_OK)
        return err;
    fact->bands = mem_array(json_count(list), sizeof *fact->bands);
    bool taken[FEATURES_CATEGORIES_MAX] = {false};
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char place[WHERE_MAX + 32];
        snprintf(place, sizeof place, "%s.bands[%zu]", where, i);
        struct fact_band *band = &fact->bands[i];
        fact->band_count = i + 1;
        err = read_band(json_at(list, i), place, attribute, i + 1 == json_count(list), taken, band,
                        why);
        bool is_number = attribute->type != ATTRIBUTE_CATEGORY;
        for (size_t j = 0; err == ERR_OK && j < i; j++) {
            if (strcmp(fact->bands[j].name, band->name) == 0)
                err = refuse(why, place, "its name stands twice");
            else if (is_number && !(fact->bands[j].upto < band->upto))
                err = refuse(why, place, "upto does not ascend");
        }
    }
    return err;
}

static enum err read_fact(const struct json *node, const char *where,
                          const struct features *features, struct fact *fact, struct why *why)
{
    static const char *const members[] = {"name", "attribute", "default", "words", "bands"};
    enum err err = must_be_object(node, where, why);
    if (err == ERR_OK)
        err = json_only_members(node, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = read_id(node, where, "name", &fact->name, why);
    if (err == ERR_OK)
        err = find(features, node, where, "attribute", &fact->attribute, why);
    if (err == ERR_OK)
        err = features_read_words(node, where, &fact->words, why);
    const struct json *is_default = json_member(node, "default");
    if (err == ERR_OK && (is_default == NULL || json_kind(is_default) != JSON_KIND_BOOLEAN))
        err = refuse(why, where, "default is neither true nor false");
    if (err != ERR_OK)
        return err;
    fact->is_default = json_as_boolean(is_default);
    const struct attribute *attribute = &features->attributes[fact->attribute];
    if (!attribute->is_input)
        return refuse(why, where, "is of an attribute that is for audit only");
    return read_bands(node, where, attribute, fact, why);
}

static enum err read_allowed(const struct json *facts, struct features *features, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(facts, "facts", "allowed", FACTS_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    features->facts = mem_array(json_count(list), sizeof *features->facts);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "facts.allowed[%zu]", i);
        features->fact_count = i + 1;
        err = read_fact(json_at(list, i), where, features, &features->facts[i], why);
        for (size_t j = 0; err == ERR_OK && j < i; j++)
            if (strcmp(features->facts[j].name, features->facts[i].name) == 0)
                err = refuse(why, where, "its name stands twice");
    }
    return err;
}

static enum err check_never(const struct json *facts, const struct features *features,
                            struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(facts, "facts", "never", FEATURES_MAX, &list, why);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "facts.never[%zu]", i);
        const struct json *name = json_at(list, i);
        int at =
            json_kind(name) == JSON_KIND_STRING ? features_find(features, json_as_bytes(name)) : -1;
        if (at < 0)
            return refuse(why, where, "is no attribute");
        for (size_t j = 0; j < features->fact_count; j++)
            if (features->facts[j].attribute == (size_t)at)
                return refuse(why, where, "is an attribute that an allowed fact is made of");
    }
    return err;
}

enum err features_read_facts(const struct json *root, struct features *features, struct why *why)
{
    static const char *const members[] = {"allowed", "never"};
    const struct json *facts = NULL;
    if (json_member(root, "facts") == NULL)
        return ERR_OK;
    enum err err = json_get_object(root, "", "facts", &facts, why);
    if (err == ERR_OK)
        err = json_only_members(facts, "facts", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = read_allowed(facts, features, why);
    return err == ERR_OK ? check_never(facts, features, why) : err;
}
