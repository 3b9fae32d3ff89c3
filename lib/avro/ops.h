// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "avro/tree.h"

// The instructions between compile.c, which makes them, and program.c, which runs them. For these
// two files only.

enum avro_op_code {
    // Into slot `slot`:
    AVRO_OP_NULL,
    AVRO_OP_BOOLEAN,
    AVRO_OP_INT,
    AVRO_OP_LONG,
    AVRO_OP_INT_AS_REAL,
    AVRO_OP_LONG_AS_REAL,
    AVRO_OP_FLOAT,
    AVRO_OP_DOUBLE,
    AVRO_OP_TEXT,
    AVRO_OP_MAP,
    AVRO_OP_ENUM, // `symbols`, `count` of them
    // Of a value that may not be taken:
    AVRO_OP_REFUSE_NULL,
    AVRO_OP_REFUSE_TYPE,
    // Of a field that is not wanted:
    AVRO_OP_SKIP_BYTES, // `count`, at least 1
    AVRO_OP_SKIP_BOOLEAN,
    AVRO_OP_SKIP_INT,
    AVRO_OP_SKIP_LONG,
    AVRO_OP_SKIP_LENGTH,
    AVRO_OP_SKIP_ENUM,         // `count` symbols
    AVRO_OP_SKIP_EMPTY_BLOCKS, // an array of items that take no byte
    // The way:
    AVRO_OP_UNION,  // `count` branches, whose first instructions stand in jumps[target ...]
    AVRO_OP_JUMP,   // to `target`
    AVRO_OP_BLOCKS, // an array or map; items of at least `count` bytes; behind it at `target`
    AVRO_OP_NEXT,   // one item was read; the first instruction of an item is at `target`
    AVRO_OP_END,
};

enum { AVRO_NOT_OPTIONAL = 2 };

struct avro_op {
    uint8_t code;
    uint8_t null_branch; // 0 or 1: a union's index comes first, and this one is null
    uint16_t field;      // of the writer's record, for the sentence
    uint32_t slot;
    uint32_t count;
    uint32_t target;
    const struct bytes *symbols;
};

struct avro_program {
    struct avro_op *ops;
    size_t op_count;
    uint32_t *jumps;
    size_t jump_count;
    struct avro_node *root; // owns the symbols and the fields' names
};
