// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "avro/encode.h"
#include "avro/frame.h"
#include "avro/tree.h"
#include "avro/wire.h"
#include "base/mem.h"

// The encoder of EmployeeChanged: the schema's fields, in its order, become steps, each of which
// knows where its value comes from and how it is written. So the layout is the schema's business
// and the meaning is the features': a company with other attributes needs neither C nor generated
// code. A value is written only where its type holds it without loss; anything else is refused,
// never bent.

enum { CHANGES = CHANGE_ERASED + 1 };

struct step {
    enum avro_kind kind;
    int null_branch;          // of the union of null and this kind; -1: never null
    bool has_value;           // false: a field of which we know nothing, always null
    size_t place;             // AVRO_EMPLOYEE_...
    const char *name;         // of the field
    int64_t symbols[CHANGES]; // of an enum: the place of each change's name, -1 where it has none
};

struct avro_employee_encoder {
    struct avro_node *root; // owns the names
    struct step *steps;
    size_t step_count;
};

static bool can_write(enum avro_kind kind, unsigned takes)
{
    switch (kind) {
    case AVRO_KIND_STRING:
        return (takes & AVRO_TAKES_TEXT) != 0;
    case AVRO_KIND_INT:
    case AVRO_KIND_LONG:
        return (takes & AVRO_TAKES_INTEGER) != 0;
    case AVRO_KIND_FLOAT: // would lose bits of what we read
        return false;
    case AVRO_KIND_DOUBLE:
        return (takes & AVRO_TAKES_REAL) != 0;
    case AVRO_KIND_NULL:
    case AVRO_KIND_BOOLEAN:
    case AVRO_KIND_BYTES:
    case AVRO_KIND_FIXED:
    case AVRO_KIND_ENUM: // of the field `change` only
    case AVRO_KIND_ARRAY:
    case AVRO_KIND_MAP:
    case AVRO_KIND_UNION:
    case AVRO_KIND_RECORD:
        break;
    }
    return false;
}

static bool find_symbols(const struct avro_node *node, int64_t places[CHANGES])
{
    for (size_t c = 0; c < CHANGES; c++) {
        places[c] = -1;
        for (size_t i = 0; i < node->count; i++)
            if (bytes_equal_string(node->symbols[i], change_name((enum change)c)))
                places[c] = (int64_t)i;
        if (places[c] < 0)
            return false;
    }
    return true;
}

static enum err make_step(const struct avro_node *field, const struct avro_field *wanted,
                          size_t place, struct step *ret, struct why *why)
{
    int null_branch = avro_tree_null_branch(field);
    const struct avro_node *node = null_branch < 0 ? field : &field->children[1 - null_branch];
    struct step step = {.kind = node->kind,
                        .null_branch = null_branch,
                        .has_value = wanted != NULL,
                        .place = place,
                        .name = field->name};
    bool is_right = wanted == NULL ? null_branch >= 0 : can_write(node->kind, wanted->takes);
    if (wanted != NULL && place == AVRO_EMPLOYEE_CHANGE && node->kind == AVRO_KIND_ENUM)
        is_right = find_symbols(node, step.symbols);
    if (!is_right)
        return why_code(why, ERR_REJECT, "schema-mismatch",
                        "field %.80s of the schema cannot be written as %s", field->name,
                        avro_kind_name(node->kind));
    *ret = step;
    return ERR_OK;
}

static enum err make_steps(struct avro_employee_encoder *encoder, const struct avro_field *fields,
                           size_t count, struct why *why)
{
    const struct avro_node *root = encoder->root;
    bool *is_written CLEANUP(mem_free_p) = mem_array(count, sizeof(bool));
    encoder->steps = mem_array(root->count, sizeof(struct step));
    encoder->step_count = root->count;
    for (size_t i = 0; i < root->count; i++) {
        size_t place = 0;
        while (place < count && strcmp(fields[place].name, root->children[i].name) != 0)
            place++;
        const struct avro_field *wanted = place < count ? &fields[place] : NULL;
        enum err err = make_step(&root->children[i], wanted, place, &encoder->steps[i], why);
        if (err != ERR_OK)
            return err;
        if (wanted != NULL)
            is_written[place] = true;
    }
    for (size_t i = 0; i < count; i++)
        if (!is_written[i])
            return why_code(why, ERR_REJECT, "schema-mismatch", "the schema has no field %.80s",
                            fields[i].name);
    return ERR_OK;
}

enum err avro_employee_encoder_new(const struct features *features, struct bytes schema,
                                   struct avro_employee_encoder **ret, struct why *why)
{
    struct avro_employee_encoder *encoder CLEANUP(avro_employee_encoder_free_p) =
        mem_zalloc(sizeof(*encoder));
    enum err err = avro_tree_parse(schema, &encoder->root, why);
    if (err != ERR_OK)
        return err;
    if (encoder->root->kind != AVRO_KIND_RECORD)
        return why_code(why, ERR_REJECT, "schema-mismatch",
                        "the schema is of type %s, not a record",
                        avro_kind_name(encoder->root->kind));
    size_t count = 0;
    struct avro_field *fields CLEANUP(mem_free_p) = avro_employee_fields(features, &count);
    err = make_steps(encoder, fields, count, why);
    if (err == ERR_OK)
        *ret = TAKE(encoder);
    return err;
}

void avro_employee_encoder_free(struct avro_employee_encoder *encoder)
{
    if (encoder == NULL)
        return;
    avro_tree_free(encoder->root);
    free(encoder->steps);
    free(encoder);
}

static struct value of_text(struct bytes text)
{
    if (text.data == NULL)
        return (struct value){.kind = VALUE_NULL};
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

static struct value of_integer(int64_t integer)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

static struct value value_of(const struct step *step, const struct employee_change *change)
{
    if (!step->has_value)
        return (struct value){.kind = VALUE_NULL};
    switch (step->place) {
    case AVRO_EMPLOYEE_EVENT_ID:
        return of_text(change->event_id);
    case AVRO_EMPLOYEE_EMPLOYEE_ID:
        return of_text(change->employee_id);
    case AVRO_EMPLOYEE_EVENT_TIME:
        return of_integer(change->event_time_ms);
    case AVRO_EMPLOYEE_CHANGE:
        return step->kind == AVRO_KIND_ENUM
                   ? of_integer(step->symbols[change->change])
                   : of_text(bytes_from_string(change_name(change->change)));
    case AVRO_EMPLOYEE_SOURCE:
        return of_text(change->source);
    case AVRO_EMPLOYEE_REQUESTED_BY:
        return of_text(change->requested_by);
    default:
        return change->attributes[step->place - AVRO_EMPLOYEE_ATTRIBUTES];
    }
}

// A number as a whole one, where it is one.
static bool as_integer(const struct value *value, int64_t *ret)
{
    if (value->kind == VALUE_INTEGER) {
        *ret = value->integer;
        return true;
    }
    if (value->kind != VALUE_REAL || !(fabs(value->real) <= 9007199254740992.0) || // 2^53
        trunc(value->real) != value->real)
        return false;
    *ret = (int64_t)value->real;
    return true;
}

static enum err wrong(const struct step *step, struct why *why)
{
    return why_code(why, ERR_REJECT, "wrong-type", "field %.80s has no value of type %s",
                    step->name, avro_kind_name(step->kind));
}

static enum err put_integer(const struct step *step, const struct value *value, uint8_t **at,
                            struct why *why)
{
    int64_t integer = 0;
    if (!as_integer(value, &integer))
        return wrong(step, why);
    if (step->kind == AVRO_KIND_INT && (integer < INT32_MIN || integer > INT32_MAX))
        return why_code(why, ERR_REJECT, "out-of-range", "field %.80s is out of the range of int",
                        step->name);
    *at = avro_put_long(*at, integer);
    return ERR_OK;
}

static enum err put_value(const struct step *step, const struct value *value, uint8_t **at,
                          struct why *why)
{
    if (value->kind == VALUE_NULL && step->null_branch < 0)
        return why_code(why, ERR_REJECT, "null-value", "field %.80s has no value", step->name);
    if (step->null_branch >= 0)
        *at = avro_put_long(*at,
                            value->kind == VALUE_NULL ? step->null_branch : 1 - step->null_branch);
    if (value->kind == VALUE_NULL)
        return ERR_OK;
    if (step->kind == AVRO_KIND_STRING) {
        if (value->kind != VALUE_TEXT)
            return wrong(step, why);
        *at = avro_put_text(*at, value->text.data, value->text.len);
        return ERR_OK;
    }
    if (step->kind == AVRO_KIND_DOUBLE) {
        if (value->kind != VALUE_REAL && value->kind != VALUE_INTEGER)
            return wrong(step, why);
        *at =
            avro_put_double(*at, value->kind == VALUE_REAL ? value->real : (double)value->integer);
        return ERR_OK;
    }
    return put_integer(step, value, at, why);
}

enum err avro_employee_encode(const struct avro_employee_encoder *encoder, uint32_t schema_id,
                              const struct employee_change *change, struct text *out,
                              struct why *why)
{
    // A union's index and a number, or a text's length and its bytes, for each step.
    size_t need = AVRO_FRAME_BYTES + encoder->step_count * (AVRO_LONG_BYTES_MAX + 1);
    for (size_t i = 0; i < encoder->step_count; i++) {
        struct value value = value_of(&encoder->steps[i], change);
        if (value.kind == VALUE_TEXT)
            need += value.text.len;
    }
    uint8_t *at = (uint8_t *)text_room(out, need);
    if (at == NULL)
        return why_code(why, ERR_REJECT, "message-too-large",
                        "a record of up to %zu bytes does not fit into the limit of %zu", need,
                        out->ceiling);
    avro_frame_write(schema_id, at);
    at += AVRO_FRAME_BYTES;
    for (size_t i = 0; i < encoder->step_count; i++) {
        struct value value = value_of(&encoder->steps[i], change);
        enum err err = put_value(&encoder->steps[i], &value, &at, why);
        if (err != ERR_OK) {
            out->data[out->len] = '\0';
            return err;
        }
    }
    out->len = (size_t)(at - (uint8_t *)out->data);
    out->data[out->len] = '\0';
    return ERR_OK;
}
