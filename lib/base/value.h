// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

// One decoded value: what lib/avro writes into its slots and what a row of attributes is made of.
// Text is borrowed (from the message, or from the program for an enum's symbol). Plain data.

enum value_kind {
    VALUE_NULL,
    VALUE_BOOLEAN,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_MAP, // of text to text, `text` being the bytes it was decoded from; no attribute has it
};

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct bytes text;
    };
};

// The text of a VALUE_TEXT; null of any other.
static inline struct bytes value_text(const struct value *value)
{
    return value->kind == VALUE_TEXT ? value->text : (struct bytes){0};
}
