// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

// The names of what the server can play: faults.def as an enum, with the variants of each. A
// reference is "name", "name:variant" or "name:*".

enum fault {
#define FAULT(name, ...) FAULT_##name,
#include "faults.def"
#undef FAULT
    FAULT_COUNT
};

enum fault_kind { KIND_ANSWER, KIND_ERROR, KIND_WIRE };

enum { VARIANTS_MAX = 12, VARIANT_EACH = -1 };

// The variants of the fault "wire" in their order.
enum wire {
    WIRE_REFUSE, // reset, and the port is closed for a while
    WIRE_SILENT,
    WIRE_DRIP, // a good answer, a byte at a time
    WIRE_RESET,
    WIRE_SHORT,
    WIRE_CHUNKED,
    WIRE_CHUNKED_OPEN,
    WIRE_HEADERS_ONLY,
    WIRE_GZIP,
    WIRE_REDIRECT,
    WIRE_LARGE,
    WIRE_NONE // of every other fault
};

struct fault_row {
    const char *name;
    int number;
    enum fault_kind kind;
    const char *variants[VARIANTS_MAX]; // NULL behind the last
};
extern const struct fault_row fault_rows[FAULT_COUNT];

size_t fault_variant_count(enum fault fault);
// False where there is no such fault or variant; *ret_variant is VARIANT_EACH for "name:*".
bool fault_find(struct bytes reference, enum fault *ret, int *ret_variant);
// What a fault and variant do to the connection.
enum wire fault_wire(enum fault fault, int variant);
// Whether that is done with bytes behind the HTTP library's back, which TLS does not allow.
bool wire_is_raw(enum wire wire);
