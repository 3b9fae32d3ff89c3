// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"

// JSON from hostile bytes, behind typed getters: size and depth are bounded before parsing, double
// keys are refused, every failure names the path ("features[3].name"). The only place that knows
// jansson. A document is one tree owned by its root; nodes are borrowed from it and die with it.
// One thread per document (reads from several threads are fine).

struct json; // a node

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOLEAN,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

// ERR_REJECT when the bytes are over max_bytes, nested deeper than max_depth, or no JSON.
MUST_CHECK enum err json_parse(struct bytes in, size_t max_bytes, unsigned max_depth,
                               struct json **ret, struct why *why);
// Reads the file first: ERR_FATAL when it cannot be read, ERR_REJECT as json_parse; the sentence
// starts with the path. `ret_bytes` (may be NULL) receives the file's bytes; the caller ends it
// with text_done.
MUST_CHECK enum err json_load(const char *path, size_t max_bytes, unsigned max_depth,
                              struct json **ret, struct text *ret_bytes, struct why *why);
void json_free(struct json *root);
DEFINE_CLEANUP(struct json, json_free)

enum json_kind json_kind(const struct json *node);
const char *json_kind_name(enum json_kind kind);
size_t json_count(const struct json *node);                         // of an array or object, else 0
const struct json *json_at(const struct json *array, size_t index); // NULL beyond its end
const struct json *json_member(const struct json *object,
                               const char *name); // NULL when absent or no object
// Members in the order of the document: name and value of number `index`.
// (Walks: O(1) per call only in the forward order through *iterator, NULL at first.)
const struct json *json_next(const struct json *object, void **iterator, const char **ret_name);

// An object of plain values, without a tree: `take` gets each member in the document's order; name
// and text are the document's, of any length. False: the document has something else (a value in
// brackets, true, false, an escape, no member at all), or is no JSON, or `take` was not content,
// which is so for a name that it has had: json_parse tells.
typedef bool json_take(void *context, struct bytes name, const struct value *value);
MUST_CHECK bool json_each_flat(struct bytes in, json_take *take, void *context);

// Values of a node of that kind; the node's kind is the caller's to know (asserted).
bool json_as_boolean(const struct json *node);
int64_t json_as_integer(const struct json *node);
double json_as_number(const struct json *node);      // of an integer or a real
const char *json_as_string(const struct json *node); // no NUL inside: refused by the parser
struct bytes json_as_bytes(const struct json *node);
// As a value of an attribute, text borrowed; false for booleans, arrays and objects, which are
// none.
bool json_as_value(const struct json *node, struct value *ret);

// Typed members of `object`; `where` is the path of the object for the sentence. A missing member
// or one of another kind is ERR_REJECT; the _or forms take a fallback where it is missing or null.
MUST_CHECK enum err json_get_string(const struct json *object, const char *where, const char *name,
                                    size_t max_len, const char **ret, struct why *why);
MUST_CHECK enum err json_get_string_or(const struct json *object, const char *where,
                                       const char *name, size_t max_len, const char *fallback,
                                       const char **ret, struct why *why);
MUST_CHECK enum err json_get_integer(const struct json *object, const char *where, const char *name,
                                     int64_t min, int64_t max, int64_t *ret, struct why *why);
MUST_CHECK enum err json_get_number(const struct json *object, const char *where, const char *name,
                                    double *ret, struct why *why); // finite
MUST_CHECK enum err json_get_number_or(const struct json *object, const char *where,
                                       const char *name, double fallback, double *ret,
                                       struct why *why);
MUST_CHECK enum err json_get_boolean_or(const struct json *object, const char *where,
                                        const char *name, bool fallback, bool *ret,
                                        struct why *why);
MUST_CHECK enum err json_get_array(const struct json *object, const char *where, const char *name,
                                   size_t max_count, const struct json **ret, struct why *why);
MUST_CHECK enum err json_get_object(const struct json *object, const char *where, const char *name,
                                    const struct json **ret, struct why *why);
// Every member's name must be one of the `count` names: a strict reader's refusal of what it does
// not know.
MUST_CHECK enum err json_only_members(const struct json *object, const char *where,
                                      const char *const *names, size_t count, struct why *why);

// Writing, straight into a text. A string is quoted and escaped; invalid UTF-8 becomes U+FFFD.
MUST_CHECK enum err json_write_string(struct text *out, struct bytes string);
// Shortest form that reads back as the same bits; null where it is not finite.
MUST_CHECK enum err json_write_double(struct text *out, double value);
// A node compactly, members in their order.
MUST_CHECK enum err json_write_node(struct text *out, const struct json *node);
