// SPDX-License-Identifier: MIT
#include "json/json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "json/quick.h"

// A struct json is a json_t under another name. jansson takes up to 80 times the input's size and
// accepts 2,048 levels, so both are bounded before it sees a byte; keeping its tree is fine for
// what we read (artefacts, schemas, replies), which is small and read once.

enum { ESCAPE_MAX = 6 };

static const json_t *node_of(const struct json *node)
{
    return (const json_t *)(const void *)node;
}

static const struct json *json_of(const json_t *node)
{
    return (const struct json *)(const void *)node;
}

// The deepest nesting of brackets outside strings.
static unsigned depth_of(struct bytes in)
{
    unsigned depth = 0, deepest = 0;
    bool is_string = false;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if (is_string && c == '\\')
            i++;
        else if (c == '"')
            is_string = !is_string;
        else if (!is_string && (c == '[' || c == '{'))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!is_string && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return deepest;
}

enum err json_parse(struct bytes in, size_t max_bytes, unsigned max_depth, struct json **ret,
                    struct why *why)
{
    if (in.len > max_bytes)
        return why_code(why, ERR_REJECT, "json-too-large",
                        "JSON of %zu bytes is over the limit of %zu", in.len, max_bytes);
    json_t *root = json_quick(in, max_depth);
    if (root != NULL) {
        *ret = (struct json *)(void *)root;
        return ERR_OK;
    }
    if (depth_of(in) > max_depth)
        return why_code(why, ERR_REJECT, "json-too-deep", "JSON is nested deeper than %u levels",
                        max_depth);
    json_error_t error = {0};
    root =
        json_loadb((const char *)in.data, in.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    // What jansson says of it is for programmers.
    bool is_zero = root == NULL && json_error_code(&error) == json_error_null_character;
    if (root == NULL)
        return why_code(why, ERR_REJECT, "bad-json", "line %d column %d: %s", error.line,
                        error.column, is_zero ? "a text with a zero character" : error.text);
    *ret = (struct json *)(void *)root;
    return ERR_OK;
}

static enum err read_file(const char *path, size_t max_bytes, struct text *out, struct why *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return why_say(why, ERR_FATAL, "cannot open %s: %s", path, strerrordesc_np(errno));
    enum err err = ERR_OK;
    size_t got = 1;
    while (err == ERR_OK && got > 0) {
        char part[16384];
        got = fread(part, 1, sizeof part, file);
        err = text_append(out, part, got);
    }
    bool is_broken = ferror(file) != 0;
    fclose(file);
    if (err != ERR_OK)
        return why_code(why, ERR_REJECT, "json-too-large", "%s is over the limit of %zu bytes",
                        path, max_bytes);
    return is_broken ? why_say(why, ERR_FATAL, "cannot read %s", path) : ERR_OK;
}

enum err json_load(const char *path, size_t max_bytes, unsigned max_depth, struct json **ret,
                   struct text *ret_bytes, struct why *why)
{
    CLEANUP(text_done) struct text file = TEXT_INIT(max_bytes);
    enum err err = read_file(path, max_bytes, &file, why);
    if (err != ERR_OK)
        return err;
    err = json_parse(text_bytes(&file), max_bytes, max_depth, ret, why);
    if (err != ERR_OK)
        return why_prefix(why, err, "%s", path);
    if (ret_bytes != NULL) {
        *ret_bytes = file;
        file = TEXT_INIT(max_bytes);
    }
    return ERR_OK;
}

void json_free(struct json *root)
{
    json_decref((json_t *)(void *)root);
}

enum json_kind json_kind(const struct json *node)
{
    switch (json_typeof(node_of(node))) {
    case JSON_OBJECT:
        return JSON_KIND_OBJECT;
    case JSON_ARRAY:
        return JSON_KIND_ARRAY;
    case JSON_STRING:
        return JSON_KIND_STRING;
    case JSON_INTEGER:
        return JSON_KIND_INTEGER;
    case JSON_REAL:
        return JSON_KIND_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_KIND_BOOLEAN;
    case JSON_NULL:
        break;
    }
    return JSON_KIND_NULL;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {"null",     "a boolean", "a whole number", "a number",
                                        "a string", "an array",  "an object"};
    return names[kind];
}

size_t json_count(const struct json *node)
{
    const json_t *n = node_of(node);
    return json_is_object(n) ? json_object_size(n) : json_array_size(n);
}

const struct json *json_at(const struct json *array, size_t index)
{
    return json_of(json_array_get(node_of(array), index));
}

const struct json *json_member(const struct json *object, const char *name)
{
    return json_of(json_object_get(node_of(object), name));
}

const struct json *json_next(const struct json *object, void **iterator, const char **ret_name)
{
    // jansson's iterators want a mutable tree but do not change it.
    union {
        const struct json *ours;
        json_t *theirs;
    } same = {.ours = object};
    json_t *tree = same.theirs;
    *iterator = *iterator == NULL ? json_object_iter(tree) : json_object_iter_next(tree, *iterator);
    if (*iterator == NULL)
        return NULL;
    *ret_name = json_object_iter_key(*iterator);
    return json_of(json_object_iter_value(*iterator));
}

bool json_as_boolean(const struct json *node)
{
    return json_is_true(node_of(node));
}

int64_t json_as_integer(const struct json *node)
{
    return json_integer_value(node_of(node));
}

double json_as_number(const struct json *node)
{
    return json_number_value(node_of(node));
}

const char *json_as_string(const struct json *node)
{
    return json_string_value(node_of(node));
}

struct bytes json_as_bytes(const struct json *node)
{
    return bytes_of(json_string_value(node_of(node)), json_string_length(node_of(node)));
}

bool json_as_value(const struct json *node, struct value *ret)
{
    switch (json_kind(node)) {
    case JSON_KIND_NULL:
        *ret = (struct value){.kind = VALUE_NULL};
        return true;
    case JSON_KIND_INTEGER:
        *ret = (struct value){.kind = VALUE_INTEGER, .integer = json_as_integer(node)};
        return true;
    case JSON_KIND_REAL:
        *ret = (struct value){.kind = VALUE_REAL, .real = json_as_number(node)};
        return true;
    case JSON_KIND_STRING:
        *ret = (struct value){.kind = VALUE_TEXT, .text = json_as_bytes(node)};
        return true;
    case JSON_KIND_BOOLEAN:
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        return false;
    }
    return false;
}

static bool is_absent(const struct json *node)
{
    return node == NULL || json_kind(node) == JSON_KIND_NULL;
}

static enum err wrong(struct why *why, const char *where, const char *name, const struct json *node,
                      const char *wanted)
{
    return why_code(why, ERR_REJECT, "bad-json", "%s%s%s is %s, not %s", where,
                    where[0] == '\0' ? "" : ".", name,
                    node == NULL ? "missing" : json_kind_name(json_kind(node)), wanted);
}

enum err json_get_string(const struct json *object, const char *where, const char *name,
                         size_t max_len, const char **ret, struct why *why)
{
    const struct json *node = json_member(object, name);
    if (node == NULL || json_kind(node) != JSON_KIND_STRING)
        return wrong(why, where, name, node, "a string");
    if (json_as_bytes(node).len > max_len)
        return why_code(why, ERR_REJECT, "bad-json", "%s.%s is longer than %zu bytes", where, name,
                        max_len);
    *ret = json_as_string(node);
    return ERR_OK;
}

enum err json_get_string_or(const struct json *object, const char *where, const char *name,
                            size_t max_len, const char *fallback, const char **ret, struct why *why)
{
    if (!is_absent(json_member(object, name)))
        return json_get_string(object, where, name, max_len, ret, why);
    *ret = fallback;
    return ERR_OK;
}

enum err json_get_integer(const struct json *object, const char *where, const char *name,
                          int64_t min, int64_t max, int64_t *ret, struct why *why)
{
    const struct json *node = json_member(object, name);
    if (node == NULL || json_kind(node) != JSON_KIND_INTEGER)
        return wrong(why, where, name, node, "a whole number");
    int64_t value = json_as_integer(node);
    if (value < min || value > max)
        return why_code(why, ERR_REJECT, "bad-json", "%s.%s is not between %lld and %lld", where,
                        name, (long long)min, (long long)max);
    *ret = value;
    return ERR_OK;
}

enum err json_get_number(const struct json *object, const char *where, const char *name,
                         double *ret, struct why *why)
{
    const struct json *node = json_member(object, name);
    if (node == NULL ||
        (json_kind(node) != JSON_KIND_INTEGER && json_kind(node) != JSON_KIND_REAL) ||
        !isfinite(json_as_number(node)))
        return wrong(why, where, name, node, "a finite number");
    *ret = json_as_number(node);
    return ERR_OK;
}

enum err json_get_number_or(const struct json *object, const char *where, const char *name,
                            double fallback, double *ret, struct why *why)
{
    if (!is_absent(json_member(object, name)))
        return json_get_number(object, where, name, ret, why);
    *ret = fallback;
    return ERR_OK;
}

enum err json_get_boolean_or(const struct json *object, const char *where, const char *name,
                             bool fallback, bool *ret, struct why *why)
{
    const struct json *node = json_member(object, name);
    if (!is_absent(node) && json_kind(node) != JSON_KIND_BOOLEAN)
        return wrong(why, where, name, node, "true or false");
    *ret = is_absent(node) ? fallback : json_as_boolean(node);
    return ERR_OK;
}

enum err json_get_array(const struct json *object, const char *where, const char *name,
                        size_t max_count, const struct json **ret, struct why *why)
{
    const struct json *node = json_member(object, name);
    if (node == NULL || json_kind(node) != JSON_KIND_ARRAY)
        return wrong(why, where, name, node, "an array");
    if (json_count(node) > max_count)
        return why_code(why, ERR_REJECT, "bad-json", "%s.%s has more than %zu items", where, name,
                        max_count);
    *ret = node;
    return ERR_OK;
}

enum err json_get_object(const struct json *object, const char *where, const char *name,
                         const struct json **ret, struct why *why)
{
    const struct json *node = json_member(object, name);
    if (node == NULL || json_kind(node) != JSON_KIND_OBJECT)
        return wrong(why, where, name, node, "an object");
    *ret = node;
    return ERR_OK;
}

enum err json_only_members(const struct json *object, const char *where, const char *const *names,
                           size_t count, struct why *why)
{
    void *iterator = NULL;
    const char *name = NULL;
    while (json_next(object, &iterator, &name) != NULL) {
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0)
            i++;
        if (i == count)
            return why_code(why, ERR_REJECT, "bad-json",
                            "%s has a member \"%.60s\" that is not known here",
                            where[0] == '\0' ? "the document" : where, name);
    }
    return ERR_OK;
}

// The escape of a byte that must not stand as it is (RFC 8259 section 7); its length.
static size_t escape(uint8_t c, char out[ESCAPE_MAX + 1])
{
    out[0] = '\\';
    switch (c) {
    case '"':
    case '\\':
        out[1] = (char)c;
        return 2;
    case '\n':
        out[1] = 'n';
        return 2;
    case '\r':
        out[1] = 'r';
        return 2;
    case '\t':
        out[1] = 't';
        return 2;
    default:
        return (size_t)snprintf(out, ESCAPE_MAX + 1, "\\u%04x", c);
    }
}

// The well-formed character at `at`: 1 to 4 bytes; 0 where there is none.
static size_t character_at(struct bytes in, size_t at)
{
    for (size_t len = 1; len <= 4 && at + len <= in.len; len++)
        if (utf8_is_valid(bytes_of(in.data + at, len)))
            return len;
    return 0;
}

// How many bytes from `at` on stand as they are.
static size_t run_at(struct bytes string, size_t at, bool is_valid)
{
    size_t from = at, len = 0;
    if (is_valid)
        return json_plain(string.data + at, string.len - at);
    while (at < string.len && (len = character_at(string, at)) > 0 &&
           json_plain(string.data + at, len) == len)
        at += len;
    return at - from;
}

// A run of bytes at a time, and what stands for the byte behind it.
enum err json_write_string(struct text *out, struct bytes string)
{
    enum err err = text_append(out, "\"", 1);
    bool is_valid = utf8_is_valid(string);
    for (size_t at = 0; err == ERR_OK && at < string.len;) {
        char instead[ESCAPE_MAX + 1] = "\xef\xbf\xbd";
        size_t run = run_at(string, at, is_valid), len = 0;
        if (at + run < string.len)
            len = is_valid || character_at(string, at + run) > 0
                      ? escape(string.data[at + run], instead)
                      : 3;
        char *room = text_room(out, run + len);
        if (room == NULL)
            return ERR_REJECT;
        memcpy(room, string.data + at, run);
        memcpy(room + run, instead, len);
        out->len += run + len;
        at += run + (len > 0 ? 1 : 0);
    }
    return err == ERR_OK ? text_append(out, "\"", 1) : err;
}

enum err json_write_double(struct text *out, double value)
{
    char number[FORMAT_DOUBLE_MAX] = "null";
    size_t len = isfinite(value) ? format_double(value, number) : 4;
    return text_append(out, number, len);
}

enum err json_write_node(struct text *out, const struct json *node)
{
    char *dump =
        json_dumps(node_of(node), JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (dump == NULL)
        return ERR_REJECT;
    enum err err = text_append_string(out, dump);
    free(dump);
    return err;
}
