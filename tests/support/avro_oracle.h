// SPDX-License-Identifier: MIT
#pragma once

#include <avro.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "base/value.h"

// What the Avro library makes of a body, and whether a value of ours is the same.

static inline bool avro_oracle_is_same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static inline bool avro_oracle_is_same_number(const struct value *ours, int64_t theirs)
{
    return ours->kind == VALUE_REAL ? avro_oracle_is_same_double(ours->real, (double)theirs)
                                    : ours->kind == VALUE_INTEGER && ours->integer == theirs;
}

static inline bool avro_oracle_is_same(const struct value *ours, avro_value_t *theirs)
{
    avro_value_t branch;
    int integer = 0;
    int32_t narrow = 0;
    int64_t wide = 0;
    float single = 0;
    double real = 0;
    const char *text = NULL;
    const void *data = NULL;
    size_t size = 0;
    switch ((int)avro_value_get_type(theirs)) {
    case AVRO_UNION:
        avro_value_get_current_branch(theirs, &branch);
        return avro_oracle_is_same(ours, &branch);
    case AVRO_NULL:
        return ours->kind == VALUE_NULL;
    case AVRO_BOOLEAN:
        avro_value_get_boolean(theirs, &integer);
        return ours->kind == VALUE_BOOLEAN && ours->boolean == (integer != 0);
    case AVRO_INT32:
        avro_value_get_int(theirs, &narrow);
        return avro_oracle_is_same_number(ours, narrow);
    case AVRO_INT64:
        avro_value_get_long(theirs, &wide);
        return avro_oracle_is_same_number(ours, wide);
    case AVRO_FLOAT:
        avro_value_get_float(theirs, &single);
        return ours->kind == VALUE_REAL && avro_oracle_is_same_double(ours->real, (double)single);
    case AVRO_DOUBLE:
        avro_value_get_double(theirs, &real);
        return ours->kind == VALUE_REAL && avro_oracle_is_same_double(ours->real, real);
    case AVRO_BYTES:
        avro_value_get_bytes(theirs, &data, &size);
        return ours->kind == VALUE_TEXT && bytes_equal(ours->text, bytes_of(data, size));
    case AVRO_STRING:
        avro_value_get_string(theirs, &text, &size);
        return ours->kind == VALUE_TEXT && bytes_equal(ours->text, bytes_of(text, size - 1));
    case AVRO_ENUM:
        avro_value_get_enum(theirs, &integer);
        return ours->kind == VALUE_TEXT &&
               bytes_equal_string(ours->text,
                                  avro_schema_enum_get(avro_value_get_schema(theirs), integer));
    default:
        return false;
    }
}

// Reads with the library; true when it accepts, with how far it read.
static inline bool avro_oracle_reads(struct bytes body, avro_value_t *into, size_t *ret_used)
{
    avro_reader_t reader = avro_reader_memory((const char *)body.data, (int64_t)body.len);
    bool is_read = avro_value_read(reader, into) == 0;
    int64_t used = 0;
    char byte = 0;
    for (used = (int64_t)body.len; is_read && avro_read(reader, &byte, 1) == 0; used--)
        ;
    *ret_used = (size_t)used;
    avro_reader_free(reader);
    return is_read;
}
