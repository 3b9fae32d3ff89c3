// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

// One decoded value: what lib/avro writes into its slots and what a row of attributes is made of.
// Text is borrowed (from the message, or from the program for an enum's symbol). Plain data.

enum value_kind { VALUE_NULL, VALUE_BOOLEAN, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT };

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct bytes text;
    };
};
