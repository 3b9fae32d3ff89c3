// SPDX-License-Identifier: MIT
#include "avro/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "avro/tree.h"
#include "avro/wire.h"
#include "base/mem.h"
#include "base/parse.h"
#include "json/json.h"

// A walk over the schema's tree beside the bytes, as deep as the tree, which is bounded. Not the
// hot path: it is the operator's view of a topic, so it takes every type and is lenient only where
// nothing is hidden by it. What it writes is bounded by the text's ceiling: a few bytes can claim
// tens of thousands of nulls.

struct avro_json {
    struct avro_node *root;
};

struct walk {
    const uint8_t *begin, *at, *end;
    struct text *out;
    const char *field; // of the outermost record, for the sentence
    enum avro_fault fault;
};

// All of these give false where the walk is over: walk->fault says why, AVRO_FINE that `out` is
// full.
static bool walk_node(struct walk *walk, const struct avro_node *node, bool is_root);

static bool put(struct walk *walk, const char *string)
{
    return text_append_string(walk->out, string) == ERR_OK;
}

static bool put_integer(struct walk *walk, int64_t value)
{
    return text_printf(walk->out, "%lld", (long long)value) == ERR_OK;
}

static bool put_time(struct walk *walk, int64_t ms)
{
    static const int64_t year_1000_ms = -30610224000000, year_10000_ms = 253402300800000;
    char time[FORMAT_TIME_MAX];
    if (ms < year_1000_ms || ms >= year_10000_ms)
        return put_integer(walk, ms);
    size_t len = format_time_ms(ms, time);
    return json_write_string(walk->out, bytes_of(time, len)) == ERR_OK;
}

static bool put_real(struct walk *walk, double value)
{
    if (isfinite(value))
        return json_write_double(walk->out, value) == ERR_OK;
    return put(walk, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static bool put_bytes(struct walk *walk, const uint8_t *data, size_t len)
{
    bool is_fine = put(walk, "\"");
    for (size_t i = 0; is_fine && i < len; i++) {
        char plain = (char)data[i];
        if (data[i] >= 0x20 && data[i] < 0x7f && plain != '"' && plain != '\\')
            is_fine = text_append(walk->out, &plain, 1) == ERR_OK;
        else
            is_fine = text_printf(walk->out, "\\u%04x", (unsigned)data[i]) == ERR_OK;
    }
    return is_fine && put(walk, "\"");
}

static bool stop(struct walk *walk, enum avro_fault fault)
{
    walk->fault = fault;
    return false;
}

static bool walk_number(struct walk *walk, const struct avro_node *node)
{
    int64_t integer = 0;
    float narrow = 0;
    double real = 0;
    enum avro_fault fault = AVRO_FINE;
    if (node->kind == AVRO_KIND_DOUBLE) {
        fault = avro_read_double(&walk->at, walk->end, &real);
        return fault == AVRO_FINE ? put_real(walk, real) : stop(walk, fault);
    }
    if (node->kind == AVRO_KIND_FLOAT) {
        fault = avro_read_float(&walk->at, walk->end, &narrow);
        return fault == AVRO_FINE ? put_real(walk, (double)narrow) : stop(walk, fault);
    }
    fault = node->kind == AVRO_KIND_INT ? avro_read_int(&walk->at, walk->end, &integer)
                                        : avro_read_long(&walk->at, walk->end, &integer);
    if (fault != AVRO_FINE)
        return stop(walk, fault);
    return node->is_time_ms ? put_time(walk, integer) : put_integer(walk, integer);
}

static bool walk_text(struct walk *walk, bool is_bytes)
{
    size_t len = 0;
    enum avro_fault fault = avro_read_length(&walk->at, walk->end, &len);
    if (fault != AVRO_FINE)
        return stop(walk, fault);
    const uint8_t *data = walk->at;
    walk->at += len;
    return is_bytes ? put_bytes(walk, data, len)
                    : json_write_string(walk->out, bytes_of(data, len)) == ERR_OK;
}

static bool walk_fixed(struct walk *walk, size_t len)
{
    if (len > (size_t)(walk->end - walk->at))
        return stop(walk, AVRO_TRUNCATED);
    const uint8_t *data = walk->at;
    walk->at += len;
    return put_bytes(walk, data, len);
}

static bool walk_choice(struct walk *walk, const struct avro_node *node)
{
    bool is_enum = node->kind == AVRO_KIND_ENUM;
    size_t index = 0;
    enum avro_fault fault =
        avro_read_index(&walk->at, walk->end, node->count,
                        is_enum ? AVRO_BAD_ENUM_INDEX : AVRO_BAD_UNION_INDEX, &index);
    if (fault != AVRO_FINE)
        return stop(walk, fault);
    if (is_enum)
        return json_write_string(walk->out, node->symbols[index]) == ERR_OK;
    return walk_node(walk, &node->children[index], false);
}

static bool walk_blocks(struct walk *walk, const struct avro_node *node)
{
    const struct avro_node *item = &node->children[0];
    bool is_map = node->kind == AVRO_KIND_MAP, is_first = true;
    size_t least_bytes = item->least_bytes + (is_map ? 1 : 0);
    uint64_t count = 0;
    const uint8_t *block_end = NULL;
    if (!put(walk, is_map ? "{" : "["))
        return false;
    for (;;) {
        enum avro_fault fault =
            avro_read_block(&walk->at, walk->end, least_bytes, &count, &block_end);
        if (fault != AVRO_FINE)
            return stop(walk, fault);
        if (count == 0)
            return put(walk, is_map ? "}" : "]");
        for (; count > 0; count--, is_first = false) {
            if (!is_first && !put(walk, ","))
                return false;
            if (is_map && !(walk_text(walk, false) && put(walk, ":")))
                return false;
            if (!walk_node(walk, item, false))
                return false;
        }
        if (block_end != NULL && block_end != walk->at)
            return stop(walk, AVRO_BAD_LENGTH);
    }
}

static bool walk_record(struct walk *walk, const struct avro_node *node, bool is_root)
{
    bool is_fine = put(walk, "{");
    for (size_t i = 0; is_fine && i < node->count; i++) {
        const struct avro_node *field = &node->children[i];
        if (is_root)
            walk->field = field->name;
        is_fine = (i == 0 || put(walk, ",")) &&
                  json_write_string(walk->out, bytes_from_string(field->name)) == ERR_OK &&
                  put(walk, ":") && walk_node(walk, field, false);
    }
    return is_fine && put(walk, "}");
}

static bool walk_node(struct walk *walk, const struct avro_node *node, bool is_root)
{
    bool boolean = false;
    enum avro_fault fault = AVRO_FINE;
    switch (node->kind) {
    case AVRO_KIND_NULL:
        return put(walk, "null");
    case AVRO_KIND_BOOLEAN:
        fault = avro_read_boolean(&walk->at, walk->end, &boolean);
        return fault == AVRO_FINE ? put(walk, boolean ? "true" : "false") : stop(walk, fault);
    case AVRO_KIND_INT:
    case AVRO_KIND_LONG:
    case AVRO_KIND_FLOAT:
    case AVRO_KIND_DOUBLE:
        return walk_number(walk, node);
    case AVRO_KIND_BYTES:
    case AVRO_KIND_STRING:
        return walk_text(walk, node->kind == AVRO_KIND_BYTES);
    case AVRO_KIND_FIXED:
        return walk_fixed(walk, node->fixed_bytes);
    case AVRO_KIND_ENUM:
    case AVRO_KIND_UNION:
        return walk_choice(walk, node);
    case AVRO_KIND_ARRAY:
    case AVRO_KIND_MAP:
        return walk_blocks(walk, node);
    case AVRO_KIND_RECORD:
        return walk_record(walk, node, is_root);
    }
    return false;
}

enum err avro_json_new(struct bytes schema, struct avro_json **ret, struct why *why)
{
    struct avro_node *root = NULL;
    enum err err = avro_tree_parse(schema, &root, why);
    if (err != ERR_OK)
        return err;
    struct avro_json *json = mem_zalloc(sizeof(*json));
    json->root = root;
    *ret = json;
    return ERR_OK;
}

void avro_json_free(struct avro_json *json)
{
    if (json == NULL)
        return;
    avro_tree_free(json->root);
    free(json);
}

enum err avro_json_write(const struct avro_json *json, struct bytes body, struct text *out,
                         struct why *why)
{
    static const uint8_t nothing[1];
    const uint8_t *begin = body.data == NULL ? nothing : body.data;
    struct walk walk = {.begin = begin,
                        .at = begin,
                        .end = begin + body.len,
                        .out = out,
                        .field = "(the whole value)"};
    bool is_fine = walk_node(&walk, json->root, true);
    if (is_fine && walk.at != walk.end)
        is_fine = stop(&walk, AVRO_TRAILING_BYTES);
    if (is_fine)
        return ERR_OK;
    if (walk.fault == AVRO_FINE)
        return why_code(why, ERR_REJECT, "message-too-large", "the value is over %zu bytes of JSON",
                        out->ceiling);
    return avro_fault_say(why, walk.fault, walk.field, (size_t)(walk.at - walk.begin));
}
