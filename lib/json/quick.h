// SPDX-License-Identifier: MIT
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "base/value.h"

// Shared by the .c files of this module only.

// The tree of a document without anything unusual, nested at most `max_depth` deep; NULL: there is
// something unusual, or it is no JSON, which jansson may tell.
json_t *json_quick(struct bytes in, unsigned max_depth);

// How many of the bytes from the first on stand in a JSON string as they are: no quote, backslash
// or control character.
size_t json_plain(const uint8_t *data, size_t len);

// Where reading stands in a document.
struct scan {
    const uint8_t *at, *end;
};

static inline void scan_blanks(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

// Passes over the character where it comes next.
static inline bool scan_char(struct scan *scan, char c)
{
    bool is_there = scan->at < scan->end && *scan->at == (uint8_t)c;
    scan->at += is_there;
    return is_there;
}

static inline struct bytes scan_plain(struct scan *scan)
{
    struct bytes run = bytes_of(scan->at, json_plain(scan->at, (size_t)(scan->end - scan->at)));
    scan->at += run.len;
    return run;
}

// A number of RFC 8259, section 6, as VALUE_INTEGER or VALUE_REAL; false: none, or beyond 18 digits
// or any double.
bool scan_number(struct scan *scan, struct value *ret);
