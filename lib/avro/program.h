// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"

// Decoding an Avro record into an array of values, by a program that is compiled once from the
// writer's schema and the fields that the reader wants, matched by name. Compiling may take a
// millisecond and is safe on any thread; a program is immutable, so any number of threads may run
// it. Running allocates nothing and reads hostile bytes: every length, count, index and number is
// checked, and the time it takes is bounded by the length of the body.

enum avro_takes {
    AVRO_TAKES_NULL = 1 << VALUE_NULL,
    AVRO_TAKES_BOOLEAN = 1 << VALUE_BOOLEAN,
    AVRO_TAKES_INTEGER = 1 << VALUE_INTEGER,
    AVRO_TAKES_REAL = 1 << VALUE_REAL,
    AVRO_TAKES_TEXT = 1 << VALUE_TEXT,
    AVRO_TAKES_MAP = 1 << VALUE_MAP,
};

// Of a map that is taken: its items, and the bytes of each name and of each value.
enum { AVRO_MAP_ITEMS_MAX = 64, AVRO_MAP_TEXT_MAX = 64 };

struct avro_field {
    const char *name;
    unsigned takes;   // enum avro_takes, or-ed
    bool is_required; // a writer's schema without it is refused; otherwise its value is VALUE_NULL
};

struct avro_program;

// What a writer's type becomes: int, long: VALUE_INTEGER, or VALUE_REAL where only that is taken;
// float, double: VALUE_REAL; boolean: VALUE_BOOLEAN; string, bytes: VALUE_TEXT, valid UTF-8, inside
// the body; enum: VALUE_TEXT, the symbol, which lives as long as the program; a map of strings:
// VALUE_MAP, inside the body (avro_map_items reads it); a union: what its branch becomes. Fields
// that are not wanted are skipped whatever their type. ERR_REJECT: "bad-schema",
// "schema-too-large", or "schema-mismatch": no record, a required field is missing, or one has a
// type that can never be taken.
MUST_CHECK enum err avro_program_compile(struct bytes schema, const struct avro_field *fields,
                                         size_t count, struct avro_program **ret, struct why *why);
void avro_program_free(struct avro_program *program);
DEFINE_CLEANUP(struct avro_program, avro_program_free)

// Fills one value for each wanted field, in their order. NaN and infinities pass. ERR_REJECT leaves
// the values undefined; the sentence names the field and the byte of the body, and the code is one
// of truncated, bad-varint (over 10 bytes or out of the type's range), bad-length, bad-boolean,
// bad-union-index, bad-enum-index, too-many-items, trailing-bytes, invalid-utf8, null-value (null
// where the field does not take it), schema-mismatch (a branch of a union whose type is not taken),
// map-too-large (over the bounds above).
MUST_CHECK enum err avro_program_run(const struct avro_program *program, struct bytes body,
                                     struct value *values, struct why *why);

// The items of a VALUE_MAP that a run has given, names and values in turn, in the order of the
// body; a name may come twice. Gives their number; 0 for a VALUE_NULL. Text is borrowed from the
// body.
size_t avro_map_items(const struct value *map, struct bytes items[AVRO_MAP_ITEMS_MAX][2]);
