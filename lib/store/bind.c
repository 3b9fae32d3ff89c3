// SPDX-License-Identifier: MIT
#include "store/bind.h"

#include <assert.h>

#include "store/wire.h"

// All values of a call go into one growing buffer, so offsets are kept until it stops moving.

enum {
    BIND_BYTES_MAX = 256 * 1024 * 1024,
    BIND_BYTES_FIRST = 4000,
    TYPE_BOOL = 16, // pg_type.dat: these numbers never change
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_INT4 = 23,
    TYPE_TEXT = WIRE_TYPE_TEXT,
    TYPE_FLOAT8 = 701,
    TYPE_TIMESTAMPTZ = 1184,
    TYPE_INT4_ARRAY = 1007,
    TYPE_TEXT_ARRAY = 1009,
    TYPE_INT8_ARRAY = 1016,
    TYPE_TIMESTAMPTZ_ARRAY = 1185,
};

static unsigned type_of(enum pg_kind kind)
{
    switch (kind) {
    case PG_KIND_NULL:
        return 0; // the server infers it from the statement's cast
    case PG_KIND_BOOL:
        return TYPE_BOOL;
    case PG_KIND_INT4:
        return TYPE_INT4;
    case PG_KIND_INT8:
        return TYPE_INT8;
    case PG_KIND_FLOAT8:
        return TYPE_FLOAT8;
    case PG_KIND_TEXT:
        return TYPE_TEXT;
    case PG_KIND_BYTEA:
        return TYPE_BYTEA;
    case PG_KIND_TIME:
        return TYPE_TIMESTAMPTZ;
    case PG_KIND_INT4_ARRAY:
        return TYPE_INT4_ARRAY;
    case PG_KIND_INT8_ARRAY:
        return TYPE_INT8_ARRAY;
    case PG_KIND_TEXT_ARRAY:
        return TYPE_TEXT_ARRAY;
    case PG_KIND_TIME_ARRAY:
        return TYPE_TIMESTAMPTZ_ARRAY;
    }
    assert(false); // every kind has its case
    return 0;
}

static enum err put_32(struct text *out, uint32_t value)
{
    char bytes[4];
    wire_put_32(bytes, value);
    return text_append(out, bytes, sizeof bytes);
}

static enum err put_64(struct text *out, uint64_t value)
{
    char bytes[8];
    wire_put_64(bytes, value);
    return text_append(out, bytes, sizeof bytes);
}

static enum err put_element(struct text *out, const struct pg_param *param, size_t at)
{
    if (param->kind == PG_KIND_INT4_ARRAY) {
        enum err err = put_32(out, 4);
        return err != ERR_OK ? err : put_32(out, (uint32_t)param->int4s[at]);
    }
    if (param->kind == PG_KIND_TEXT_ARRAY) {
        struct bytes text = param->texts[at];
        enum err err = put_32(out, text.data == NULL ? UINT32_MAX : (uint32_t)text.len);
        return err != ERR_OK ? err : text_append(out, text.data, text.len);
    }
    int64_t value = param->int8s[at];
    if (value == PG_NULL_INT8)
        return put_32(out, UINT32_MAX);
    if (param->kind == PG_KIND_TIME_ARRAY)
        value = wire_time_from_ms(value);
    enum err err = put_32(out, 8);
    return err != ERR_OK ? err : put_64(out, (uint64_t)value);
}

static unsigned element_type(enum pg_kind kind)
{
    if (kind == PG_KIND_INT4_ARRAY)
        return TYPE_INT4;
    if (kind == PG_KIND_TEXT_ARRAY)
        return TYPE_TEXT;
    return kind == PG_KIND_TIME_ARRAY ? TYPE_TIMESTAMPTZ : TYPE_INT8;
}

static enum err put_array(struct text *out, const struct pg_param *param)
{
    const uint32_t head[] = WIRE_ARRAY_HEAD(element_type(param->kind), param->count);
    size_t words = param->count > 0 ? ARRAY_LEN(head) : WIRE_EMPTY_ARRAY_WORDS;
    enum err err = ERR_OK;
    for (size_t i = 0; i < words && err == ERR_OK; i++)
        err = put_32(out, head[i]);
    for (size_t i = 0; i < param->count && err == ERR_OK; i++)
        err = put_element(out, param, i);
    return err;
}

static enum err put_value(struct text *out, const struct pg_param *param)
{
    switch (param->kind) {
    case PG_KIND_NULL:
        return ERR_OK;
    case PG_KIND_BOOL:
        return text_append(out, param->boolean ? "\1" : "\0", 1);
    case PG_KIND_INT4:
        return put_32(out, (uint32_t)param->int4);
    case PG_KIND_INT8:
        return put_64(out, (uint64_t)param->int8);
    case PG_KIND_FLOAT8:
        return put_64(out, wire_double_bits(param->float8));
    case PG_KIND_TEXT:
    case PG_KIND_BYTEA:
        return text_append(out, param->text.data, param->text.len);
    case PG_KIND_TIME:
        return put_64(out, (uint64_t)wire_time_from_ms(param->int8));
    case PG_KIND_INT4_ARRAY:
    case PG_KIND_INT8_ARRAY:
    case PG_KIND_TEXT_ARRAY:
    case PG_KIND_TIME_ARRAY:
        return put_array(out, param);
    }
    assert(false); // every kind has its case
    return ERR_FATAL;
}

enum err bind_params(struct bind *bind, const struct pg_param *params, size_t count,
                     struct why *why)
{
    assert(count <= BIND_MAX);
    bind->count = count;
    bind->bytes = TEXT_INIT(BIND_BYTES_MAX);
    IGNORE(text_room(&bind->bytes, BIND_BYTES_FIRST)); // there is: spares most statements to grow
    for (size_t i = 0; i < count; i++) {
        bind->types[i] = type_of(params[i].kind);
        bind->formats[i] = 1;
        bind->offsets[i] = bind->bytes.len;
        if (put_value(&bind->bytes, &params[i]) != ERR_OK)
            return why_say(why, ERR_REJECT, "the parameters of a statement are over %d bytes",
                           BIND_BYTES_MAX);
        bind->lengths[i] = (int)(bind->bytes.len - bind->offsets[i]);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_null = params[i].kind == PG_KIND_NULL ||
                       ((params[i].kind == PG_KIND_TEXT || params[i].kind == PG_KIND_BYTEA) &&
                        params[i].text.data == NULL);
        bind->values[i] = is_null ? NULL : text_string(&bind->bytes) + bind->offsets[i];
    }
    return ERR_OK;
}

void bind_done(struct bind *bind)
{
    text_done(&bind->bytes);
}
