// SPDX-License-Identifier: MIT
// What makes an attribute: its name, from which a column and a field of a schema are made, its
// type, the bounds or the categories that its values must keep.

#include "domain/features_parts.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "domain/employee.h"

enum { ALIASES_MAX = 64, WHERE_MAX = 96 };

// Names of the fields that every EmployeeChanged has, and of the columns that every row of
// `employee` has beside the attributes.
static const char *const taken[] = {"event_id",   "employee_id",      "event_time",   "change",
                                    "source",     "requested_by",     "left_at",      "topic_rank",
                                    "generation", "source_partition", "source_offset"};

static bool is_avro_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return name[0] != '\0' && strchr(first, name[0]) != NULL && strspn(name, rest) == strlen(name);
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

// "YearsWithCurrManager" to "years_with_curr_manager", "HRScore2A" to "hr_score2_a": a word begins
// at a capital behind anything but a capital, and at the last capital of a run that goes on in
// lower case.
static char *column_of(const char *name)
{
    size_t len = strlen(name), out = 0;
    char *column = mem_zalloc(2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        bool begins = i > 0 && is_upper(name[i]) && name[i - 1] != '_' &&
                      (!is_upper(name[i - 1]) || is_lower(name[i + 1]));
        if (begins)
            column[out++] = '_';
        column[out++] = (char)(is_upper(name[i]) ? name[i] - 'A' + 'a' : name[i]);
    }
    return column;
}

static enum err read_spelling(const struct json *node, const char *where, char **ret,
                              struct why *why)
{
    if (node == NULL || json_kind(node) != JSON_KIND_STRING)
        return why_code(why, ERR_REJECT, "bad-features", "%s: a category is spelt as a string",
                        where);
    struct bytes text = json_as_bytes(node);
    if (text.len == 0 || text.len > EVENT_TEXT_MAX || !text_is_printable(text))
        return why_code(why, ERR_REJECT, "bad-features",
                        "%s: a spelling has 1 to %d bytes and no control characters", where,
                        EVENT_TEXT_MAX);
    *ret = mem_dup_bytes(text.data, text.len);
    return ERR_OK;
}

static enum err read_category(const struct json *node, const char *where, struct category *category,
                              struct why *why)
{
    static const char *const members[] = {"name", "aliases", "words"};
    if (json_kind(node) != JSON_KIND_OBJECT)
        return why_code(why, ERR_REJECT, "bad-features", "%s is not an object", where);
    enum err err = json_only_members(node, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = read_spelling(json_member(node, "name"), where, &category->name, why);
    if (err == ERR_OK)
        err = features_read_words(node, where, &category->words, why);
    if (err != ERR_OK || json_member(node, "aliases") == NULL)
        return err;
    const struct json *aliases = NULL;
    err = json_get_array(node, where, "aliases", ALIASES_MAX, &aliases, why);
    if (err != ERR_OK)
        return err;
    category->aliases = mem_array(json_count(aliases), sizeof *category->aliases);
    while (err == ERR_OK && category->alias_count < json_count(aliases)) {
        err = read_spelling(json_at(aliases, category->alias_count), where,
                            &category->aliases[category->alias_count], why);
        if (err == ERR_OK)
            category->alias_count++;
    }
    return err;
}

// Into the first empty place from the one of its hash on.
static enum err add_spelling(struct attribute *attribute, const char *text, size_t category,
                             const char *where, struct why *why)
{
    struct bytes bytes = bytes_from_string(text);
    if (attribute_category(attribute, bytes) >= 0)
        return why_code(why, ERR_REJECT, "bad-features", "%s: \"%.60s\" stands twice", where, text);
    const struct spelling spelling = {bytes, spelling_ends(bytes), category};
    size_t at = spelling_hash(spelling.ends, bytes.len);
    at &= attribute->spelling_places - 1;
    while (attribute->spellings[at].text.data != NULL)
        at = (at + 1) & (attribute->spelling_places - 1);
    attribute->spellings[at] = spelling;
    return ERR_OK;
}

static enum err index_spellings(struct attribute *attribute, const char *where, struct why *why)
{
    size_t total = attribute->category_count;
    for (size_t i = 0; i < attribute->category_count; i++)
        total += attribute->categories[i].alias_count;
    attribute->spelling_places = 4;
    while (attribute->spelling_places <= 2 * total)
        attribute->spelling_places *= 2;
    attribute->spellings = mem_array(attribute->spelling_places, sizeof *attribute->spellings);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < attribute->category_count; i++)
        err = add_spelling(attribute, attribute->categories[i].name, i, where, why);
    for (size_t i = 0; err == ERR_OK && i < attribute->category_count; i++) {
        const struct category *category = &attribute->categories[i];
        for (size_t j = 0; err == ERR_OK && j < category->alias_count; j++)
            err = add_spelling(attribute, category->aliases[j], i, where, why);
    }
    return err;
}

static enum err read_categories(const struct json *node, const char *where,
                                struct attribute *attribute, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(node, where, "categories", FEATURES_CATEGORIES_MAX, &list, why);
    if (err != ERR_OK)
        return err;
    if (json_count(list) == 0)
        return why_code(why, ERR_REJECT, "bad-features", "%s.categories is empty", where);
    attribute->categories = mem_zalloc(json_count(list) * sizeof *attribute->categories);
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char place[WHERE_MAX + 64];
        snprintf(place, sizeof place, "%s.categories[%zu]", where, i);
        attribute->category_count = i + 1;
        err = read_category(json_at(list, i), place, &attribute->categories[i], why);
    }
    return err == ERR_OK ? index_spellings(attribute, where, why) : err;
}

static enum err read_bounds(const struct json *node, const char *where, struct attribute *attribute,
                            struct why *why)
{
    enum err err = json_get_number(node, where, "min", &attribute->min, why);
    if (err == ERR_OK)
        err = json_get_number(node, where, "max", &attribute->max, why);
    if (err != ERR_OK)
        return err;
    if (attribute->min >= attribute->max)
        return why_code(why, ERR_REJECT, "bad-features", "%s: min is not below max", where);
    if (attribute->type != ATTRIBUTE_INTEGER)
        return ERR_OK;
    bool is_whole =
        floor(attribute->min) == attribute->min && floor(attribute->max) == attribute->max;
    if (!is_whole || attribute->min < INT32_MIN || attribute->max > INT32_MAX)
        return why_code(why, ERR_REJECT, "bad-features",
                        "%s: bounds of an integer are whole numbers of 32 bits", where);
    return ERR_OK;
}

static enum err read_type(const struct json *node, const char *where, struct attribute *attribute,
                          struct why *why)
{
    const char *type = NULL, *role = NULL;
    enum err err = json_get_string(node, where, "type", FEATURES_NAME_MAX, &type, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "role", FEATURES_NAME_MAX, &role, why);
    if (err != ERR_OK)
        return err;
    if (strcmp(type, "integer") == 0)
        attribute->type = ATTRIBUTE_INTEGER;
    else if (strcmp(type, "real") == 0)
        attribute->type = ATTRIBUTE_REAL;
    else if (strcmp(type, "category") == 0)
        attribute->type = ATTRIBUTE_CATEGORY;
    else
        return why_code(why, ERR_REJECT, "bad-features",
                        "%s.type is none of integer, real, category", where);
    attribute->is_input = strcmp(role, "input") == 0;
    if (!attribute->is_input && strcmp(role, "audit") != 0)
        return why_code(why, ERR_REJECT, "bad-features", "%s.role is neither input nor audit",
                        where);
    return ERR_OK;
}

static enum err read_name(const struct json *node, const char *where, struct attribute *attribute,
                          struct why *why)
{
    const char *name = NULL;
    enum err err = json_get_string(node, where, "name", FEATURES_NAME_MAX, &name, why);
    if (err != ERR_OK)
        return err;
    if (!is_avro_name(name))
        return why_code(why, ERR_REJECT, "bad-features",
                        "%s.name: letters, digits and underscores, no digit first", where);
    attribute->name = mem_dup(name);
    attribute->column = column_of(name);
    if (strlen(attribute->column) > FEATURES_NAME_MAX)
        return why_code(why, ERR_REJECT, "bad-features", "%s.name makes a column of over %d bytes",
                        where, FEATURES_NAME_MAX);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (strcmp(attribute->column, taken[i]) == 0)
            return why_code(why, ERR_REJECT, "bad-features",
                            "%s.name: %s is a field of every event or row", where, taken[i]);
    return ERR_OK;
}

enum err features_read_attribute(const struct json *node, const char *where,
                                 struct attribute *attribute, struct why *why)
{
    static const char *const of_number[] = {"name",     "type",  "role",       "min",
                                            "max",      "words", "headers",    "labels",
                                            "policies", "steps", "actionable", "groups"};
    static const char *const of_category[] = {"name",  "type",    "role",     "categories",
                                              "words", "headers", "policies", "actionable"};
    if (json_kind(node) != JSON_KIND_OBJECT)
        return why_code(why, ERR_REJECT, "bad-features", "%s is not an object", where);
    enum err err = read_name(node, where, attribute, why);
    if (err == ERR_OK)
        err = read_type(node, where, attribute, why);
    if (err == ERR_OK && attribute->type == ATTRIBUTE_CATEGORY) {
        err = json_only_members(node, where, of_category, ARRAY_LEN(of_category), why);
        if (err == ERR_OK)
            err = read_categories(node, where, attribute, why);
    } else if (err == ERR_OK) {
        err = json_only_members(node, where, of_number, ARRAY_LEN(of_number), why);
        if (err == ERR_OK)
            err = read_bounds(node, where, attribute, why);
    }
    return err == ERR_OK ? features_read_extras(node, where, attribute, why) : err;
}
