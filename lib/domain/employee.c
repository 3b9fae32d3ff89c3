// SPDX-License-Identifier: MIT
// The check of an event. It asks only what is impossible, by the features file alone: whether a
// model likes the values is the model's business. The order is fixed (key, fields, attributes in
// their order, rules in theirs) and the first fault decides, so every program that checks the same
// record says the same. Sentences name the field and the rule, never the value: they end in logs
// and headers.

#include "domain/employee.h"

#include <math.h>

#include "base/parse.h"

static const char *const changes[] = {[CHANGE_CREATED] = "created",
                                      [CHANGE_UPDATED] = "updated",
                                      [CHANGE_LEFT] = "left",
                                      [CHANGE_ERASED] = "erased"};

static const int64_t day_ms = 86400000;
static const int64_t year_10000_ms = 253402300800000;

const char *change_name(enum change change)
{
    return changes[change];
}

bool change_from_text(struct bytes text, enum change *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        if (bytes_equal_string(text, changes[i])) {
            *ret = (enum change)i;
            return true;
        }
    return false;
}

static enum err check_id(struct bytes text, size_t max, const char *field, const char *code,
                         struct why *why)
{
    if (text.len == 0 || text.len > max)
        return why_code(why, ERR_REJECT, code, "%s has not between 1 and %zu bytes", field, max);
    if (!utf8_is_valid(text) || !text_is_printable(text))
        return why_code(why, ERR_REJECT, code, "%s is not printable UTF-8", field);
    return ERR_OK;
}

enum err employee_check_id(struct bytes employee_id, struct why *why)
{
    return check_id(employee_id, EMPLOYEE_ID_MAX, "employee_id", "bad-employee-id", why);
}

static enum err check_text(const struct attribute *attribute, const struct value *value,
                           struct why *why)
{
    if (value->kind != VALUE_TEXT)
        return why_code(why, ERR_REJECT, "wrong-type", "%s is not text", attribute->name);
    if (value->text.len > EVENT_TEXT_MAX)
        return why_code(why, ERR_REJECT, "text-too-long", "%s is longer than %d bytes",
                        attribute->name, EVENT_TEXT_MAX);
    if (!utf8_is_valid(value->text))
        return why_code(why, ERR_REJECT, "invalid-utf8", "%s is not UTF-8", attribute->name);
    if (!text_is_printable(value->text))
        return why_code(why, ERR_REJECT, "not-printable", "%s has control characters",
                        attribute->name);
    return ERR_OK;
}

static enum err check_number(const struct attribute *attribute, const struct value *value,
                             struct why *why)
{
    if (value->kind != VALUE_INTEGER && value->kind != VALUE_REAL)
        return why_code(why, ERR_REJECT, "wrong-type", "%s is not a number", attribute->name);
    double number = attribute_number(value);
    if (!isfinite(number))
        return why_code(why, ERR_REJECT, "not-a-number", "%s is not a finite number",
                        attribute->name);
    if (attribute->type == ATTRIBUTE_INTEGER && number != floor(number))
        return why_code(why, ERR_REJECT, "not-an-integer", "%s is not a whole number",
                        attribute->name);
    if (number < attribute->min || number > attribute->max)
        return why_code(why, ERR_REJECT, "out-of-range", "%s is not between %.15g and %.15g",
                        attribute->name, attribute->min, attribute->max);
    return ERR_OK;
}

bool employee_keeps(const struct rule *rule, const struct value *attributes)
{
    const struct value *left = &attributes[rule->left];
    const struct value *right = rule->right < 0 ? NULL : &attributes[rule->right];
    if (left->kind == VALUE_NULL || (right != NULL && right->kind == VALUE_NULL))
        return true;
    double a = attribute_number(left);
    double b = (right == NULL ? 0 : attribute_number(right)) + rule->add;
    switch (rule->op) {
    case RULE_LT:
        return a < b;
    case RULE_LE:
        return a <= b;
    case RULE_EQ:
        return a == b;
    case RULE_NE:
        return a != b;
    case RULE_GE:
        return a >= b;
    case RULE_GT:
        return a > b;
    }
    return true;
}

enum err employee_check_attribute(const struct attribute *attribute, const struct value *value,
                                  struct why *why)
{
    if (value->kind == VALUE_NULL)
        return ERR_OK;
    return attribute->type == ATTRIBUTE_CATEGORY ? check_text(attribute, value, why)
                                                 : check_number(attribute, value, why);
}

enum err employee_check_attributes(const struct features *features, const struct value *attributes,
                                   struct why *why)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < features->count; i++)
        err = employee_check_attribute(&features->attributes[i], &attributes[i], why);
    return err == ERR_OK ? employee_check_rules(features, attributes, why) : err;
}

enum err employee_check_rules(const struct features *features, const struct value *attributes,
                              struct why *why)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < features->rule_count; i++) {
        const struct rule *rule = &features->rules[i];
        if (rule->refuses && !employee_keeps(rule, attributes))
            err = why_code(why, ERR_REJECT, "implausible", "the rule %s is broken", rule->id);
    }
    return err;
}

static enum err check_time(int64_t event_time_ms, int64_t broker_time_ms, struct why *why)
{
    if (event_time_ms < 0 || event_time_ms >= year_10000_ms)
        return why_code(why, ERR_REJECT, "bad-event-time",
                        "event_time is not between the years 1970 and 9999");
    // Both differences stay small: event_time is bounded above, and a broker's time below zero is
    // none.
    if (broker_time_ms > 0 && event_time_ms > broker_time_ms &&
        event_time_ms - broker_time_ms > day_ms)
        return why_code(why, ERR_REJECT, "event-time-in-future",
                        "event_time is more than 24 hours after the record came to the broker");
    return ERR_OK;
}

enum err employee_check(const struct features *features, const struct employee_change *change,
                        struct bytes key, int64_t broker_time_ms, struct why *why)
{
    enum err err = employee_check_id(change->employee_id, why);
    if (err == ERR_OK && key.data != NULL && !bytes_equal(key, change->employee_id))
        err = why_code(why, ERR_REJECT, "key-mismatch", "the record's key is not its employee_id");
    if (err == ERR_OK)
        err = check_id(change->event_id, EVENT_TEXT_MAX, "event_id", "bad-event-id", why);
    if (err == ERR_OK)
        err = check_id(change->source, EVENT_TEXT_MAX, "source", "bad-source", why);
    if (err == ERR_OK && change->requested_by.data != NULL)
        err =
            check_id(change->requested_by, EVENT_TEXT_MAX, "requested_by", "bad-requested-by", why);
    if (err == ERR_OK)
        err = check_time(change->event_time_ms, broker_time_ms, why);
    return err == ERR_OK ? employee_check_attributes(features, change->attributes, why) : err;
}

enum err employee_parse(const struct attribute *attribute, struct bytes field, struct value *ret,
                        struct why *why)
{
    *ret = (struct value){.kind = VALUE_NULL};
    if (field.len == 0)
        return ERR_OK;
    switch (attribute->type) {
    case ATTRIBUTE_INTEGER:
        ret->kind = VALUE_INTEGER;
        if (parse_i64(field, INT64_MIN, INT64_MAX, &ret->integer, NULL) != ERR_OK)
            return why_code(why, ERR_REJECT, "not-an-integer", "%s is not a whole number",
                            attribute->name);
        break;
    case ATTRIBUTE_REAL:
        ret->kind = VALUE_REAL;
        if (parse_double(field, &ret->real, NULL) != ERR_OK)
            return why_code(why, ERR_REJECT, "not-a-number", "%s is not a number", attribute->name);
        break;
    case ATTRIBUTE_CATEGORY:
        ret->kind = VALUE_TEXT;
        ret->text = field;
        int category = attribute_category(attribute, field);
        if (category >= 0)
            ret->text = bytes_from_string(attribute->categories[category].name);
        break;
    }
    return ERR_OK;
}

double attribute_number(const struct value *value)
{
    return value->kind == VALUE_INTEGER ? (double)value->integer : value->real;
}

int64_t attribute_integer(const struct value *value)
{
    return value->kind == VALUE_INTEGER ? value->integer : (int64_t)value->real;
}
