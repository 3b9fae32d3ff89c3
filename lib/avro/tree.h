// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// A schema as a tree without references: what the decode programs, the encoders and the JSON
// decoder of this module are made from. For this module's files only; any thread may parse, a tree
// is immutable.

enum avro_kind {
    AVRO_KIND_NULL,
    AVRO_KIND_BOOLEAN,
    AVRO_KIND_INT,
    AVRO_KIND_LONG,
    AVRO_KIND_FLOAT,
    AVRO_KIND_DOUBLE,
    AVRO_KIND_BYTES,
    AVRO_KIND_STRING,
    AVRO_KIND_FIXED,
    AVRO_KIND_ENUM,
    AVRO_KIND_ARRAY,
    AVRO_KIND_MAP,
    AVRO_KIND_UNION,
    AVRO_KIND_RECORD,
};

enum {
    AVRO_SCHEMA_BYTES_MAX = 256 * 1024,
    AVRO_JSON_DEPTH_MAX = 32, // of the schema's text
    AVRO_DEPTH_MAX = 32,      // of types inside types, references followed
    AVRO_NODES_MAX = 16384,   // references followed
    AVRO_NAME_MAX = 1024,     // bytes of a field's name or a symbol
    AVRO_FIXED_MAX = 1 << 20,
};

struct avro_node {
    enum avro_kind kind;
    bool is_time_ms;       // a long with the logical type timestamp-millis
    char *name;            // of the field, where the parent is a record
    struct bytes *symbols; // `count` of them, of an enum; a NUL behind each
    // Fields of a record, branches of a union, the one item of an array or map.
    struct avro_node *children;
    size_t count;
    size_t fixed_bytes;
    size_t least_bytes; // of the shortest encoding
};

// ERR_REJECT with code "bad-schema" (no JSON, over a bound above, recursive, or avro-c refuses it)
// or "schema-too-large" (over AVRO_NODES_MAX).
MUST_CHECK enum err avro_tree_parse(struct bytes schema, struct avro_node **ret, struct why *why);
void avro_tree_free(struct avro_node *root);
DEFINE_CLEANUP(struct avro_node, avro_tree_free)

const char *avro_kind_name(enum avro_kind kind); // as in a schema: "long"
// The place of the null branch where the node is a union of null and one other type (whose place is
// 1 minus that); -1 for any other node.
int avro_tree_null_branch(const struct avro_node *node);
