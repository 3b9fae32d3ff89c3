// SPDX-License-Identifier: MIT
// The reader of the features file. It is strict, because three things are made of every name in it
// (a schema, a column, an input of a model) and a slip would show much later: unknown members,
// doubled names and impossible bounds are refused with the place. Sizes are bounded before anything
// is allocated. The object is built in one go and never changes, so threads share it without locks.

#include "domain/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "domain/features_parts.h"

enum { FILE_BYTES_MAX = 4 << 20, DEPTH_MAX = 8, WHERE_MAX = 96 };

static const char *const languages[] = {[LANGUAGE_EN] = "en", [LANGUAGE_FR] = "fr"};

const char *language_name(enum language language)
{
    return languages[language];
}

bool language_from_text(struct bytes text, enum language *ret)
{
    for (size_t i = 0; i < LANGUAGES; i++)
        if (bytes_equal_string(text, languages[i])) {
            *ret = (enum language)i;
            return true;
        }
    return false;
}

static enum err read_attributes(const struct json *list, struct features *features, struct why *why)
{
    features->attributes = mem_zalloc(json_count(list) * sizeof *features->attributes);
    for (size_t i = 0; i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "attributes[%zu]", i);
        struct attribute *attribute = &features->attributes[i];
        features->count = i + 1;
        enum err err = features_read_attribute(json_at(list, i), where, attribute, why);
        if (err != ERR_OK)
            return err;
        for (size_t j = 0; j < i; j++)
            if (strcmp(features->attributes[j].column, attribute->column) == 0)
                return why_code(why, ERR_REJECT, "bad-features",
                                "%s: \"%s\" and \"%s\" would be the same column", where,
                                features->attributes[j].name, attribute->name);
    }
    return ERR_OK;
}

// A column of a file is one attribute's.
static enum err check_headers(const struct features *features, struct why *why)
{
    for (size_t i = 0; i < features->count; i++) {
        const struct attribute *attribute = &features->attributes[i];
        for (size_t k = 0; k < attribute->header_count; k++) {
            int found = features_find_header(features, bytes_from_string(attribute->headers[k]));
            if (found != (int)i)
                return why_code(why, ERR_REJECT, "bad-features",
                                "attributes[%zu].headers[%zu] names a column of %s", i, k,
                                features->attributes[found].name);
        }
    }
    return ERR_OK;
}

static enum err read_root(const struct json *root, struct features *features, struct why *why)
{
    static const char *const members[] = {"format",   "format_version", "attributes",
                                          "training", "rules",          "facts"};
    const char *format = NULL;
    int64_t version = 0;
    const struct json *list = NULL;
    if (json_kind(root) != JSON_KIND_OBJECT)
        return why_code(why, ERR_REJECT, "bad-features", "the document is not an object");
    enum err err = json_get_string(root, "", "format", FEATURES_NAME_MAX, &format, why);
    if (err == ERR_OK && strcmp(format, "employee-features") != 0)
        err = why_code(why, ERR_REJECT, "bad-features", "format is not \"employee-features\"");
    if (err == ERR_OK)
        err = json_get_integer(root, "", "format_version", 1, 1, &version, why);
    if (err == ERR_OK)
        err = json_only_members(root, "", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_array(root, "", "attributes", FEATURES_MAX, &list, why);
    if (err == ERR_OK && json_count(list) == 0)
        err = why_code(why, ERR_REJECT, "bad-features", "there are no attributes");
    if (err == ERR_OK)
        err = read_attributes(list, features, why);
    if (err == ERR_OK)
        err = check_headers(features, why);
    if (err == ERR_OK)
        err = features_read_rules(root, features, why);
    if (err == ERR_OK)
        err = features_read_facts(root, features, why);
    const struct json *training = json_member(root, "training");
    if (err == ERR_OK && training != NULL && json_kind(training) != JSON_KIND_OBJECT)
        err = why_code(why, ERR_REJECT, "bad-features", "training is not an object");
    return err;
}

static enum err features_of(const struct json *root, struct features **ret, struct why *why)
{
    CLEANUP(features_free_p) struct features *features = mem_zalloc(sizeof *features);
    enum err err = read_root(root, features, why);
    if (err == ERR_OK)
        *ret = TAKE(features);
    return err;
}

enum err features_parse(struct bytes json, struct features **ret, struct why *why)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    enum err err = json_parse(json, FILE_BYTES_MAX, DEPTH_MAX, &root, why);
    return err == ERR_OK ? features_of(root, ret, why) : err;
}

enum err features_load(const char *path, struct features **ret, struct why *why)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    enum err err = json_load(path, FILE_BYTES_MAX, DEPTH_MAX, &root, NULL, why);
    if (err != ERR_OK && access(path, R_OK) != 0) // in every program that setting names it
        return why_prefix(why, err, "FEATURES_FILE");
    if (err != ERR_OK)
        return err;
    err = features_of(root, ret, why);
    return err == ERR_OK ? err : why_prefix(why, err, "%s", path);
}

static void words_done(struct words *words)
{
    for (size_t i = 0; i < LANGUAGES; i++)
        free(words->in[i]);
}

static void category_done(struct category *category)
{
    for (size_t i = 0; i < category->alias_count; i++)
        free(category->aliases[i]);
    free(category->aliases);
    free(category->name);
    words_done(&category->words);
}

static void attribute_done(struct attribute *attribute)
{
    for (size_t i = 0; i < attribute->category_count; i++)
        category_done(&attribute->categories[i]);
    for (size_t i = 0; i < attribute->label_count; i++)
        words_done(&attribute->labels[i].words);
    for (size_t i = 0; i < attribute->header_count; i++)
        free(attribute->headers[i]);
    free(attribute->categories);
    free(attribute->spellings);
    free(attribute->labels);
    free(attribute->headers);
    free(attribute->actionable.to);
    free(attribute->column);
    free(attribute->name);
    words_done(&attribute->words);
}

static void fact_done(struct fact *fact)
{
    for (size_t i = 0; i < fact->band_count; i++) {
        free(fact->bands[i].name);
        free(fact->bands[i].of);
        words_done(&fact->bands[i].words);
    }
    free(fact->bands);
    free(fact->name);
    words_done(&fact->words);
}

void features_free(struct features *features)
{
    if (features == NULL)
        return;
    for (size_t i = 0; i < features->count; i++)
        attribute_done(&features->attributes[i]);
    for (size_t i = 0; i < features->rule_count; i++) {
        free(features->rules[i].id);
        words_done(&features->rules[i].words);
    }
    for (size_t i = 0; i < features->fact_count; i++)
        fact_done(&features->facts[i]);
    free(features->attributes);
    free(features->rules);
    free(features->facts);
    free(features);
}

int features_find(const struct features *features, struct bytes name)
{
    for (size_t i = 0; i < features->count; i++)
        if (bytes_equal_string(name, features->attributes[i].name))
            return (int)i;
    return -1;
}

int features_find_header(const struct features *features, struct bytes name)
{
    int at = features_find(features, name);
    for (size_t i = 0; at < 0 && i < features->count; i++)
        for (size_t k = 0; at < 0 && k < features->attributes[i].header_count; k++)
            if (bytes_equal_string(name, features->attributes[i].headers[k]))
                at = (int)i;
    return at;
}

// Whether two texts of one length are the same between their ends.
static inline bool has_same_middle(struct bytes a, struct bytes b)
{
    uint64_t of_a = 0, of_b = 0;
    for (size_t at = sizeof of_a; of_a == of_b && at + sizeof of_a < a.len; at += sizeof of_a) {
        memcpy(&of_a, a.data + at, sizeof of_a);
        memcpy(&of_b, b.data + at, sizeof of_b);
    }
    return of_a == of_b;
}

int attribute_category(const struct attribute *attribute, struct bytes text)
{
    if (text.data == NULL)
        return -1;
    const struct spelling_ends ends = spelling_ends(text);
    for (size_t at = spelling_hash(ends, text.len);; at++) {
        const struct spelling *spelling =
            &attribute->spellings[at & (attribute->spelling_places - 1)];
        if (spelling->text.data == NULL)
            return -1;
        if (spelling->text.len == text.len && spelling->ends.first == ends.first &&
            spelling->ends.last == ends.last && has_same_middle(spelling->text, text))
            return (int)spelling->category;
    }
}

const char *words_or(const struct words *words, enum language language, const char *name)
{
    return words->in[language] != NULL ? words->in[language] : name;
}

const char *attribute_label(const struct attribute *attribute, double value, enum language language)
{
    for (size_t i = 0; i < attribute->label_count; i++)
        if (attribute->labels[i].value == value)
            return attribute->labels[i].words.in[language];
    return NULL;
}
