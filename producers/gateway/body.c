// SPDX-License-Identifier: MIT
#include "body.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "problem.h"

// ---- what is wrong

void body_error_add(struct body_errors *errors, const char *where, const char *field,
                    const char *code, const char *detail, ...)
{
    if (errors->count == BODY_ERRORS_MAX)
        return;
    struct body_error *error = &errors->list[errors->count++];
    bool has_both = where[0] != '\0' && field[0] != '\0';
    snprintf(error->field, sizeof error->field, "%s%s%s", where, has_both ? "." : "", field);
    snprintf(error->code, sizeof error->code, "%s", code);
    va_list args;
    va_start(args, detail);
    vsnprintf(error->detail, sizeof error->detail, detail, args);
    va_end(args);
}

void body_answer_errors(struct http_exchange *exchange, const struct body_errors *errors)
{
    struct http_field_error list[BODY_ERRORS_MAX];
    for (size_t i = 0; i < errors->count; i++)
        list[i] = (struct http_field_error){errors->list[i].field, errors->list[i].code,
                                            errors->list[i].detail};
    struct http_problem problem = problem_of(PROBLEM_INVALID);
    problem.detail = list[0].detail;
    problem.errors = list;
    problem.error_count = errors->count;
    http_answer_problem(exchange, &problem);
}

// A name that came from outside, as a sentence and a path may show it.
static const char *shown(const char *name, char out[BODY_FIELD_MAX])
{
    enum { MOST = 64 };
    size_t len = strnlen(name, MOST);
    for (size_t i = 0; i < len; i++)
        out[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    out[len] = '\0';
    return out;
}

// ---- names of attributes, hashed

enum { NO_ATTRIBUTE = -1 };

struct place {
    struct bytes name; // data NULL: empty
    int at;
};

struct body_reader {
    const struct features *features;
    size_t mask;
    struct place *places; // hashed by name, not a quarter of them taken
};

// Names are few and ours: their length and three of their letters tell nearly all apart.
static size_t hash_of(struct bytes name)
{
    if (name.len == 0)
        return 0;
    size_t hash = name.len * 31 + name.data[0];
    return (hash * 31 + name.data[name.len / 2]) * 31 + name.data[name.len - 1];
}

struct body_reader *body_reader_new(const struct features *features)
{
    struct body_reader *reader = mem_zalloc(sizeof *reader);
    reader->features = features;
    size_t places = 64;
    while (places < features->count * 4)
        places *= 2;
    reader->mask = places - 1;
    reader->places = mem_array(places, sizeof *reader->places);
    for (size_t i = 0; i < features->count; i++) {
        struct bytes name = bytes_from_string(features->attributes[i].name);
        size_t at = hash_of(name) & reader->mask;
        while (reader->places[at].name.data != NULL)
            at = (at + 1) & reader->mask;
        reader->places[at] = (struct place){name, (int)i};
    }
    return reader;
}

void body_reader_free(struct body_reader *reader)
{
    if (reader == NULL)
        return;
    free(reader->places);
    free(reader);
}

static int find(const struct body_reader *reader, struct bytes name)
{
    for (size_t at = hash_of(name) & reader->mask; reader->places[at].name.data != NULL;
         at = (at + 1) & reader->mask)
        if (bytes_equal(name, reader->places[at].name))
            return reader->places[at].at;
    return NO_ATTRIBUTE;
}

// ---- an employee

// JSON has one kind of number: 41.0 is the whole number 41. A category's other spelling becomes the
// usual one. Then the check.
static enum err settle(const struct attribute *attribute, struct value *value, struct why *why)
{
    if (value->kind == VALUE_REAL && attribute->type == ATTRIBUTE_INTEGER &&
        value->real == floor(value->real) && fabs(value->real) < 0x1p53) {
        *value = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)value->real};
    } else if (value->kind == VALUE_TEXT && attribute->type == ATTRIBUTE_CATEGORY) {
        int category = attribute_category(attribute, value->text);
        if (category >= 0) { // a name of ours passes
            value->text = bytes_from_string(attribute->categories[category].name);
            return ERR_OK;
        }
    }
    return employee_check_attribute(attribute, value, why);
}

static void read_attribute(const struct body_reader *reader, int at, const struct json *node,
                           const char *where, struct body_person *ret, struct body_errors *errors)
{
    const struct attribute *attribute = &reader->features->attributes[at];
    struct value *value = &ret->values[at];
    struct why why = {0};
    ret->has_attributes = true;
    if (!json_as_value(node, value)) {
        body_error_add(errors, where, attribute->name, "wrong-type", "%s is %s, not %s",
                       attribute->name, json_kind_name(json_kind(node)),
                       attribute->type == ATTRIBUTE_CATEGORY ? "a string" : "a number");
        return;
    }
    if (settle(attribute, value, &why) != ERR_OK)
        body_error_add(errors, where, attribute->name, why.code, "%s", why.text);
}

static void read_attributes(const struct body_reader *reader, const struct json *object,
                            struct body_person *ret, struct body_errors *errors)
{
    if (json_kind(object) != JSON_KIND_OBJECT) {
        body_error_add(errors, "", "attributes", "wrong-type", "attributes is %s, not an object",
                       json_kind_name(json_kind(object)));
        return;
    }
    void *iterator = NULL;
    const char *name = NULL;
    for (const struct json *node = json_next(object, &iterator, &name); node != NULL;
         node = json_next(object, &iterator, &name)) {
        char quoted[BODY_FIELD_MAX];
        int at = find(reader, bytes_from_string(name));
        if (at == NO_ATTRIBUTE)
            body_error_add(errors, "attributes", shown(name, quoted), "unknown-field",
                           "there is no attribute of this name");
        else
            read_attribute(reader, at, node, "attributes", ret, errors);
    }
    if (!ret->has_attributes)
        body_error_add(errors, "", "attributes", "missing-field", "attributes names none");
}

static const double most_exact = 9007199254740991; // 2^53 - 1

// A whole number from 0 on; 7.0 is one, too: tables that know no whole numbers write it so.
static bool is_whole(const struct json *node, double *ret)
{
    if (json_kind(node) != JSON_KIND_INTEGER && json_kind(node) != JSON_KIND_REAL)
        return false;
    *ret = json_as_number(node) + 0.0; // no -0
    return *ret >= 0 && *ret == floor(*ret);
}

bool body_read_id(const struct json *node, const char *field, char digits[BODY_ID_DIGITS],
                  struct bytes *ret, struct body_errors *errors)
{
    struct why why = {0};
    double number = 0;
    if (is_whole(node, &number)) {
        // A client whose numbers are doubles may mean another one than it sends.
        if (number > most_exact) {
            body_error_add(errors, "", field, "out-of-range",
                           "%s is a number of 2^53 or more: send it as a string", field);
            return false;
        }
        snprintf(digits, BODY_ID_DIGITS, "%.0f", number);
        *ret = bytes_from_string(digits);
    } else if (json_kind(node) == JSON_KIND_STRING) {
        *ret = json_as_bytes(node);
    } else {
        body_error_add(errors, "", field, "wrong-type",
                       "%s is neither a string nor a whole number from 0 on", field);
        return false;
    }
    if (employee_check_id(*ret, &why) == ERR_OK)
        return true;
    body_error_add(errors, "", field, why.code, "%s", why.text);
    return false;
}

static void read_id(const struct json *node, const char *name, struct body_person *ret,
                    struct body_errors *errors)
{
    if (ret->has_id)
        body_error_add(errors, "", name, "conflicting-fields",
                       "employee_id and employe_id are the same: give one of them");
    ret->has_id = true;
    IGNORE(body_read_id(node, name, ret->digits, &ret->employee_id, errors)); // it adds the error
}

static void read_change(const struct json *node, struct body_person *ret,
                        struct body_errors *errors)
{
    ret->has_change = true;
    if (json_kind(node) != JSON_KIND_STRING)
        body_error_add(errors, "", "change", "wrong-type", "change is not a string");
    else if (!change_from_text(json_as_bytes(node), &ret->change))
        body_error_add(errors, "", "change", "bad-value",
                       "change is none of created, updated, left and erased");
}

bool body_read_time(struct bytes text, int64_t *ret_ms)
{
    return text.len > 4 && text.data[4] == '-' && parse_time_ms(text, ret_ms, NULL) == ERR_OK;
}

static void read_event_time(const struct json *node, struct body_person *ret,
                            struct body_errors *errors)
{
    ret->has_event_time = true;
    if (json_kind(node) != JSON_KIND_STRING)
        body_error_add(errors, "", "event_time", "wrong-type", "event_time is not a string");
    else if (!body_read_time(json_as_bytes(node), &ret->event_time_ms))
        body_error_add(errors, "", "event_time", "bad-event-time",
                       "event_time is no time like 2026-03-01T08:30:00Z");
}

static void read_member(const struct body_reader *reader, const char *name, const struct json *node,
                        unsigned takes, struct body_person *ret, struct body_errors *errors)
{
    int at = find(reader, bytes_from_string(name));
    if (at != NO_ATTRIBUTE)
        read_attribute(reader, at, node, "", ret, errors);
    else if ((takes & BODY_TAKES_ID) != 0 &&
             (strcmp(name, "employee_id") == 0 || strcmp(name, "employe_id") == 0))
        read_id(node, name, ret, errors);
    else if ((takes & BODY_TAKES_CHANGE) != 0 && strcmp(name, "change") == 0)
        read_change(node, ret, errors);
    else if ((takes & BODY_TAKES_CHANGE) != 0 && strcmp(name, "event_time") == 0)
        read_event_time(node, ret, errors);
    else if (strcmp(name, "attributes") != 0) {
        char quoted[BODY_FIELD_MAX];
        body_error_add(errors, "", shown(name, quoted), "unknown-field",
                       "there is no field of this name");
    }
}

static void begin_person(const struct body_reader *reader, struct body_person *ret)
{
    memset(ret, 0, offsetof(struct body_person, values));
    ret->change = CHANGE_UPDATED;
    for (size_t i = 0; i < reader->features->count; i++)
        ret->values[i] = (struct value){.kind = VALUE_NULL};
}

bool body_read_person(const struct body_reader *reader, const struct json *object, unsigned takes,
                      struct body_person *ret, struct body_errors *errors)
{
    struct why why = {0};
    begin_person(reader, ret);
    void *iterator = NULL;
    const char *name = NULL;
    for (const struct json *node = json_next(object, &iterator, &name); node != NULL;
         node = json_next(object, &iterator, &name))
        read_member(reader, name, node, takes, ret, errors);
    const struct json *attributes = json_member(object, "attributes");
    if (attributes != NULL && ret->has_attributes)
        body_error_add(errors, "", "attributes", "conflicting-fields",
                       "attributes stand beside the other fields or all in attributes, not both");
    else if (attributes != NULL)
        read_attributes(reader, attributes, ret, errors);
    if (errors->count == 0 && employee_check_rules(reader->features, ret->values, &why) != ERR_OK)
        body_error_add(errors, "", attributes == NULL ? "" : "attributes", why.code, "%s",
                       why.text);
    return errors->count == 0;
}

struct flat {
    const struct body_reader *reader;
    struct body_person *person;
    bool has[FEATURES_MAX];
};

static bool take_flat(void *context, struct bytes name, const struct value *value)
{
    struct flat *flat = context;
    int at = find(flat->reader, name);
    if (at == NO_ATTRIBUTE || flat->has[at])
        return false;
    flat->has[at] = flat->person->has_attributes = true;
    flat->person->values[at] = *value;
    return settle(&flat->reader->features->attributes[at], &flat->person->values[at], NULL) ==
           ERR_OK;
}

bool body_read_flat_person(const struct body_reader *reader, struct bytes body,
                           struct body_person *ret)
{
    struct flat flat = {.reader = reader, .person = ret};
    begin_person(reader, ret);
    return body.len <= BODY_JSON_MAX && json_each_flat(body, take_flat, &flat) &&
           employee_check_rules(reader->features, ret->values, NULL) == ERR_OK;
}

// ---- documents

struct json *body_parse(struct http_exchange *exchange)
{
    struct json *root = NULL;
    struct why why = {0};
    if (json_parse(http_body(exchange), BODY_JSON_MAX, BODY_DEPTH_MAX, &root, &why) != ERR_OK) {
        problem_answer(exchange, PROBLEM_BAD_JSON, "%s", why.text);
        return NULL;
    }
    if (json_kind(root) == JSON_KIND_OBJECT)
        return root;
    problem_answer_field(exchange, "", "wrong-type", "the body is %s, not an object",
                         json_kind_name(json_kind(root)));
    json_free(root);
    return NULL;
}

bool body_read_text(const struct json *object, const char *name, size_t max, bool is_needed,
                    struct bytes *ret, struct body_errors *errors)
{
    const struct json *node = json_member(object, name);
    *ret = (struct bytes){0};
    if (node == NULL) {
        if (is_needed)
            body_error_add(errors, "", name, "missing-field", "%s is missing", name);
        return !is_needed;
    }
    if (json_kind(node) != JSON_KIND_STRING) {
        body_error_add(errors, "", name, "wrong-type", "%s is %s, not a string", name,
                       json_kind_name(json_kind(node)));
        return false;
    }
    struct bytes text = json_as_bytes(node);
    if (text.len == 0 || text.len > max) {
        body_error_add(errors, "", name, text.len == 0 ? "too-short" : "text-too-long",
                       text.len == 0 ? "%s is empty" : "%s is longer than %zu bytes", name, max);
        return false;
    }
    *ret = text;
    return true;
}

void body_check_names(const struct json *object, const char *const *names, size_t count,
                      struct body_errors *errors)
{
    void *iterator = NULL;
    const char *name = NULL;
    while (json_next(object, &iterator, &name) != NULL) {
        bool is_known = false;
        for (size_t i = 0; i < count; i++)
            is_known |= strcmp(name, names[i]) == 0;
        char quoted[BODY_FIELD_MAX];
        if (!is_known)
            body_error_add(errors, "", shown(name, quoted), "unknown-field",
                           "there is no field of this name");
    }
}
