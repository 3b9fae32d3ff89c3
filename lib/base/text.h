// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// Bytes that are borrowed (struct bytes) and bytes that grow up to a ceiling (struct text). A text
// is born with its ceiling; what would go over it is refused with ERR_REJECT and the text keeps
// what it had. One thread at a time per object.

struct bytes {
    const uint8_t *data; // may be NULL when len is 0
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){(const uint8_t *)data, len};
}
struct bytes bytes_from_string(const char *string);
bool bytes_equal(struct bytes a, struct bytes b);
// Negative, zero or positive, byte by byte; a shorter one comes before what it begins.
int bytes_compare(struct bytes a, struct bytes b);
bool bytes_equal_string(struct bytes a, const char *string);

struct text {
    char *data; // NUL behind len once anything was appended; NULL before
    size_t len;
    size_t capacity;
    size_t ceiling; // of len
};

#define TEXT_INIT(ceiling_bytes) ((struct text){.ceiling = (ceiling_bytes)})

void text_done(struct text *text);  // frees; also the CLEANUP of a struct text
void text_clear(struct text *text); // len 0, keeps the memory
MUST_CHECK enum err text_append(struct text *text, const void *data, size_t len);
MUST_CHECK enum err text_append_string(struct text *text, const char *string);
MUST_CHECK enum err text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
MUST_CHECK enum err text_vprintf(struct text *text, const char *format, __builtin_va_list args)
    PRINTF_LIKE(2, 0);
// At least `len` more bytes fit behind len; the place to write them. NULL over the ceiling.
char *text_room(struct text *text, size_t len);
struct bytes text_bytes(const struct text *text);
const char *text_string(const struct text *text); // "" when empty
// Moves the memory out (caller frees) and leaves the text empty.
char *text_take(struct text *text);

// A list for people: a name, ", ", a name. Names that no longer fit below the ceiling are counted
// in *left_out (0 at first), and the end tells how many: ", and 3 more".
void text_list_add(struct text *list, size_t *left_out, struct bytes name);
void text_list_end(struct text *list, size_t left_out);

// True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool utf8_is_valid(struct bytes bytes);
// True when there is no byte below 0x20 and no 0x7f: fit for keys, headers and log lines.
bool text_is_printable(struct bytes bytes);
