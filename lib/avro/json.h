// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "base/text.h"

// A body of any schema as one line of JSON, for people and for jq. Unlike Avro's own JSON encoding
// a union is its plain value. Compiled once for a writer's schema; immutable, any thread may write.

struct avro_json;

// ERR_REJECT with code "bad-schema" or "schema-too-large".
MUST_CHECK enum err avro_json_new(struct bytes schema, struct avro_json **ret, struct why *why);
void avro_json_free(struct avro_json *json);
DEFINE_CLEANUP(struct avro_json, avro_json_free)

// Appends one JSON value without a line end. Records and maps are objects, in the order of the
// bytes; an enum is its symbol; a long that is a timestamp-millis is "2026-03-01T08:30:00.000Z"
// where its year has four digits; a real reads back as the same bits, or is "NaN", "Infinity",
// "-Infinity"; bytes and fixed are a string of the characters U+0000 to U+00FF, as in Avro's
// encoding; what is not UTF-8 in a string becomes U+FFFD. ERR_REJECT leaves a part behind in `out`;
// codes are those of avro_program_run, and "message-too-large" at the ceiling of `out`.
MUST_CHECK enum err avro_json_write(const struct avro_json *json, struct bytes body,
                                    struct text *out, struct why *why);
