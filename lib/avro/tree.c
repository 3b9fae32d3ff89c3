// SPDX-License-Identifier: MIT
#include "avro/tree.h"

#include <avro.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"

// A schema comes from a registry that others can write to, so its text is hostile. Our JSON parser
// bounds its size and depth, then avro-c decides whether it is a schema, then it is copied into a
// tree of our own: references are followed, so that what uses the tree needs no table of names, and
// bounded in depth and number, because ten types of ten fields each are a schema of ten lines and
// ten thousand million nodes. The JSON is walked beside avro-c's types for the one thing that
// avro-c forgets and we need: logicalType. avro-c keeps its last error in a buffer of the whole
// process, hence the lock: the only state in this module that is shared between threads.

static pthread_mutex_t avro_c_lock = PTHREAD_MUTEX_INITIALIZER;

struct named {
    avro_schema_t schema;
    const struct json *json;
};

struct conversion {
    size_t nodes;
    struct named *named; // where the definition of a record, met through a reference, stands
    size_t named_count;
    struct why *why;
};

const char *avro_kind_name(enum avro_kind kind)
{
    static const char *const names[] = {
        [AVRO_KIND_NULL] = "null",   [AVRO_KIND_BOOLEAN] = "boolean", [AVRO_KIND_INT] = "int",
        [AVRO_KIND_LONG] = "long",   [AVRO_KIND_FLOAT] = "float",     [AVRO_KIND_DOUBLE] = "double",
        [AVRO_KIND_BYTES] = "bytes", [AVRO_KIND_STRING] = "string",   [AVRO_KIND_FIXED] = "fixed",
        [AVRO_KIND_ENUM] = "enum",   [AVRO_KIND_ARRAY] = "array",     [AVRO_KIND_MAP] = "map",
        [AVRO_KIND_UNION] = "union", [AVRO_KIND_RECORD] = "record",
    };
    return names[kind];
}

int avro_tree_null_branch(const struct avro_node *node)
{
    if (node->kind != AVRO_KIND_UNION || node->count != 2)
        return -1;
    if (node->children[0].kind == AVRO_KIND_NULL)
        return 0;
    return node->children[1].kind == AVRO_KIND_NULL ? 1 : -1;
}

static void node_done(struct avro_node *node)
{
    if (node->symbols != NULL) {
        for (size_t i = 0; i < node->count; i++)
            free((void *)(uintptr_t)node->symbols[i].data);
        free(node->symbols);
    } else if (node->children != NULL) {
        for (size_t i = 0; i < node->count; i++)
            node_done(&node->children[i]);
        free(node->children);
    }
    free(node->name);
}

void avro_tree_free(struct avro_node *root)
{
    if (root == NULL)
        return;
    node_done(root);
    free(root);
}

static bool says_time_ms(const struct json *json)
{
    const struct json *logical = json_member(json, "logicalType");
    return logical != NULL && json_kind(logical) == JSON_KIND_STRING &&
           strcmp(json_as_string(logical), "timestamp-millis") == 0;
}

static void remember(struct conversion *conversion, avro_schema_t schema, const struct json *json)
{
    size_t count = conversion->named_count;
    if ((count & (count + 1)) == 0) // grows where count is 0, 1, 3, 7, ...
        conversion->named = mem_grow(conversion->named, count * 2 + 1, sizeof(struct named));
    conversion->named[conversion->named_count++] = (struct named){schema, json};
}

static const struct json *remembered(const struct conversion *conversion, avro_schema_t schema)
{
    for (size_t i = 0; i < conversion->named_count; i++)
        if (conversion->named[i].schema == schema)
            return conversion->named[i].json;
    return NULL;
}

static enum err convert(struct conversion *conversion, avro_schema_t schema,
                        const struct json *json, unsigned depth, struct avro_node *node);

static enum err count_nodes(struct conversion *conversion, size_t more)
{
    conversion->nodes += more;
    if (conversion->nodes > AVRO_NODES_MAX)
        return why_code(
            conversion->why, ERR_REJECT, "schema-too-large",
            "the schema has more than %d types, fields and symbols, references followed",
            AVRO_NODES_MAX);
    return ERR_OK;
}

static enum err take_children(struct conversion *conversion, size_t count, struct avro_node *node)
{
    enum err err = count_nodes(conversion, count);
    if (err != ERR_OK)
        return err;
    node->children = mem_array(count, sizeof(struct avro_node)); // cleared
    node->count = count;
    return ERR_OK;
}

static enum err copy_name(struct conversion *conversion, const char *name, char **ret)
{
    if (name == NULL || strlen(name) > AVRO_NAME_MAX)
        return why_code(conversion->why, ERR_REJECT, "bad-schema",
                        "a name or symbol is missing or longer than %d bytes", AVRO_NAME_MAX);
    *ret = mem_dup(name);
    return ERR_OK;
}

static enum err convert_record(struct conversion *conversion, avro_schema_t schema,
                               const struct json *json, unsigned depth, struct avro_node *node)
{
    enum err err = take_children(conversion, avro_schema_record_size(schema), node);
    const struct json *fields = json_member(json, "fields");
    for (size_t i = 0; err == ERR_OK && i < node->count; i++) {
        avro_schema_t field = avro_schema_record_field_get_by_index(schema, (int)i);
        const char *name = avro_schema_record_field_name(schema, (int)i);
        const struct json *field_json = fields == NULL ? NULL : json_at(fields, i);
        struct avro_node *child = &node->children[i];
        err = copy_name(conversion, name, &child->name);
        if (err == ERR_OK)
            err = convert(conversion, field,
                          field_json == NULL ? NULL : json_member(field_json, "type"), depth + 1,
                          child);
        node->least_bytes += node->children[i].least_bytes;
    }
    return err;
}

static enum err convert_union(struct conversion *conversion, avro_schema_t schema,
                              const struct json *json, unsigned depth, struct avro_node *node)
{
    enum err err = take_children(conversion, avro_schema_union_size(schema), node);
    size_t least = SIZE_MAX;
    for (size_t i = 0; err == ERR_OK && i < node->count; i++) {
        err = convert(conversion, avro_schema_union_branch(schema, (int)i),
                      json == NULL ? NULL : json_at(json, i), depth + 1, &node->children[i]);
        if (node->children[i].least_bytes < least)
            least = node->children[i].least_bytes;
    }
    node->least_bytes = 1 + (node->count == 0 ? 0 : least);
    return err;
}

static enum err convert_enum(struct conversion *conversion, avro_schema_t schema,
                             struct avro_node *node)
{
    int count = avro_schema_enum_number_of_symbols(schema);
    enum err err = count_nodes(conversion, count < 0 ? AVRO_NODES_MAX : (size_t)count);
    if (err != ERR_OK)
        return err;
    node->symbols = mem_array((size_t)count, sizeof(struct bytes));
    for (int i = 0; err == ERR_OK && i < count; i++) {
        char *symbol = NULL;
        err = copy_name(conversion, avro_schema_enum_get(schema, i), &symbol);
        if (symbol != NULL)
            node->symbols[node->count++] = bytes_of(symbol, strlen(symbol));
    }
    node->least_bytes = 1;
    return err;
}

static enum err convert_fixed(struct conversion *conversion, avro_schema_t schema,
                              struct avro_node *node)
{
    int64_t size = avro_schema_fixed_size(schema);
    if (size < 0 || size > AVRO_FIXED_MAX)
        return why_code(conversion->why, ERR_REJECT, "bad-schema",
                        "a fixed type of %lld bytes (0 to %d are allowed)", (long long)size,
                        AVRO_FIXED_MAX);
    node->fixed_bytes = (size_t)size;
    node->least_bytes = (size_t)size;
    return ERR_OK;
}

static enum err convert_items(struct conversion *conversion, avro_schema_t items,
                              const struct json *json, unsigned depth, struct avro_node *node)
{
    node->least_bytes = 1; // the count 0
    enum err err = take_children(conversion, 1, node);
    return err != ERR_OK ? err : convert(conversion, items, json, depth + 1, &node->children[0]);
}

static enum avro_kind primitive_kind(avro_schema_t schema)
{
    // As a number: later versions of avro-c have a type for a schema that is none.
    switch ((int)avro_typeof(schema)) {
    case AVRO_STRING:
        return AVRO_KIND_STRING;
    case AVRO_BYTES:
        return AVRO_KIND_BYTES;
    case AVRO_INT32:
        return AVRO_KIND_INT;
    case AVRO_INT64:
        return AVRO_KIND_LONG;
    case AVRO_FLOAT:
        return AVRO_KIND_FLOAT;
    case AVRO_DOUBLE:
        return AVRO_KIND_DOUBLE;
    case AVRO_BOOLEAN:
        return AVRO_KIND_BOOLEAN;
    case AVRO_RECORD:
        return AVRO_KIND_RECORD;
    case AVRO_ENUM:
        return AVRO_KIND_ENUM;
    case AVRO_FIXED:
        return AVRO_KIND_FIXED;
    case AVRO_MAP:
        return AVRO_KIND_MAP;
    case AVRO_ARRAY:
        return AVRO_KIND_ARRAY;
    case AVRO_UNION:
        return AVRO_KIND_UNION;
    default: // null; a link was followed before
        break;
    }
    return AVRO_KIND_NULL;
}

// `json` is the text of the same type, NULL where it is not known.
static enum err convert(struct conversion *conversion, avro_schema_t schema,
                        const struct json *json, unsigned depth, struct avro_node *node)
{
    if (depth > AVRO_DEPTH_MAX)
        return why_code(conversion->why, ERR_REJECT, "bad-schema",
                        "the schema is recursive or nested deeper than %d types", AVRO_DEPTH_MAX);
    if (avro_typeof(schema) == AVRO_LINK) {
        schema = avro_schema_link_target(schema);
        json = remembered(conversion, schema);
    }
    node->kind = primitive_kind(schema);
    switch (node->kind) {
    case AVRO_KIND_NULL:
        return ERR_OK;
    case AVRO_KIND_LONG:
        node->is_time_ms = json != NULL && says_time_ms(json);
        node->least_bytes = 1;
        return ERR_OK;
    case AVRO_KIND_BOOLEAN:
    case AVRO_KIND_INT:
    case AVRO_KIND_BYTES:
    case AVRO_KIND_STRING:
        node->least_bytes = 1;
        return ERR_OK;
    case AVRO_KIND_FLOAT:
        node->least_bytes = 4;
        return ERR_OK;
    case AVRO_KIND_DOUBLE:
        node->least_bytes = 8;
        return ERR_OK;
    case AVRO_KIND_FIXED:
        return convert_fixed(conversion, schema, node);
    case AVRO_KIND_ENUM:
        return convert_enum(conversion, schema, node);
    case AVRO_KIND_ARRAY:
        return convert_items(conversion, avro_schema_array_items(schema),
                             json == NULL ? NULL : json_member(json, "items"), depth, node);
    case AVRO_KIND_MAP:
        return convert_items(conversion, avro_schema_map_values(schema),
                             json == NULL ? NULL : json_member(json, "values"), depth, node);
    case AVRO_KIND_UNION:
        return convert_union(conversion, schema, json, depth, node);
    case AVRO_KIND_RECORD:
        if (remembered(conversion, schema) == NULL)
            remember(conversion, schema, json);
        return convert_record(conversion, schema, json, depth, node);
    }
    return ERR_OK;
}

enum err avro_tree_parse(struct bytes schema, struct avro_node **ret, struct why *why)
{
    struct json *json CLEANUP(json_free_p) = NULL;
    struct avro_node *root CLEANUP(avro_tree_free_p) = NULL;
    enum err err = json_parse(schema, AVRO_SCHEMA_BYTES_MAX, AVRO_JSON_DEPTH_MAX, &json, why);
    if (err != ERR_OK) {
        struct why cause = why == NULL ? (struct why){.text = ""} : *why;
        return why_code(why, err, "bad-schema", "the schema is no JSON that we read: %s",
                        cause.text);
    }
    struct conversion conversion = {.nodes = 1, .why = why};
    root = mem_zalloc(sizeof(*root));
    avro_schema_t parsed = NULL;
    pthread_mutex_lock(&avro_c_lock);
    if (avro_schema_from_json_length((const char *)schema.data, schema.len, &parsed) != 0)
        err = why_code(why, ERR_REJECT, "bad-schema", "no Avro schema: %.200s", avro_strerror());
    else
        err = convert(&conversion, parsed, json, 0, root);
    if (parsed != NULL)
        avro_schema_decref(parsed);
    pthread_mutex_unlock(&avro_c_lock);
    free(conversion.named);
    if (err == ERR_OK)
        *ret = TAKE(root);
    return err;
}
