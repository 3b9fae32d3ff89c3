// SPDX-License-Identifier: MIT
#include "store/copy.h"

#include <assert.h>
#include <string.h>

#include "base/compiler.h"
#include "store/wire.h"

// The format is in PostgreSQL's documentation of COPY, "Binary Format": a signature, two words,
// then for each row the number of fields and for each field its length (-1: null) and bytes; a row
// of -1 fields ends the file.

static const char signature[] = "PGCOPY\n\377\r\n"; // and the NUL behind it
enum { HEADER_BYTES = 11 + 4 + 4 };

void copy_init(struct copy *copy, size_t ceiling_bytes)
{
    *copy = (struct copy){.bytes = TEXT_INIT(ceiling_bytes)};
}

void copy_done(struct copy *copy)
{
    text_done(&copy->bytes);
}

// The place for `len` bytes that count as written, or NULL over the ceiling.
static char *take(struct copy *copy, size_t len)
{
    char *room = copy->is_over ? NULL : text_room(&copy->bytes, len);
    if (room == NULL) {
        copy->is_over = true;
        return NULL;
    }
    copy->bytes.len += len;
    return room;
}

void copy_begin(struct copy *copy)
{
    text_clear(&copy->bytes);
    copy->rows = 0;
    copy->fields_left = 0;
    copy->is_over = false;
    char *room = take(copy, HEADER_BYTES);
    if (room == NULL)
        return;
    memcpy(room, signature, sizeof signature);
    memset(room + sizeof signature, 0, HEADER_BYTES - sizeof signature); // no flags, no extension
}

void copy_row(struct copy *copy, unsigned fields)
{
    assert(copy->fields_left == 0);
    copy->fields_left = fields;
    copy->rows++;
    char *room = take(copy, 2);
    if (room != NULL)
        wire_put_16(room, (uint16_t)fields);
}

// The place for a field's value, its length written in front.
static char *field(struct copy *copy, size_t len)
{
    assert(copy->fields_left > 0);
    copy->fields_left--;
    char *room = take(copy, 4 + len);
    if (room == NULL)
        return NULL;
    wire_put_32(room, (uint32_t)len);
    return room + 4;
}

void copy_null(struct copy *copy)
{
    char *room = field(copy, 0);
    if (room != NULL)
        wire_put_32(room - 4, UINT32_MAX);
}

void copy_bool(struct copy *copy, bool value)
{
    char *room = field(copy, 1);
    if (room != NULL)
        *room = value ? 1 : 0;
}

void copy_int2(struct copy *copy, int16_t value)
{
    char *room = field(copy, 2);
    if (room != NULL)
        wire_put_16(room, (uint16_t)value);
}

void copy_int4(struct copy *copy, int32_t value)
{
    char *room = field(copy, 4);
    if (room != NULL)
        wire_put_32(room, (uint32_t)value);
}

void copy_int8(struct copy *copy, int64_t value)
{
    char *room = field(copy, 8);
    if (room != NULL)
        wire_put_64(room, (uint64_t)value);
}

void copy_float8(struct copy *copy, double value)
{
    char *room = field(copy, 8);
    if (room != NULL)
        wire_put_64(room, wire_double_bits(value));
}

void copy_text(struct copy *copy, struct bytes value)
{
    if (value.data == NULL) {
        copy_null(copy);
        return;
    }
    char *room = field(copy, value.len);
    if (room != NULL && value.len > 0)
        memcpy(room, value.data, value.len);
}

void copy_texts(struct copy *copy, const struct bytes *texts, size_t count, size_t step)
{
    const uint32_t head[] = WIRE_ARRAY_HEAD(WIRE_TYPE_TEXT, count);
    size_t words = count > 0 ? ARRAY_LEN(head) : WIRE_EMPTY_ARRAY_WORDS, len = 4 * words;
    for (size_t i = 0; i < count; i++)
        len += 4 + texts[i * step].len;
    char *room = field(copy, len);
    if (room == NULL)
        return;
    for (size_t i = 0; i < words; i++, room += 4)
        wire_put_32(room, head[i]);
    for (size_t i = 0; i < count; i++) {
        struct bytes text = texts[i * step];
        wire_put_32(room, (uint32_t)text.len);
        if (text.len > 0)
            memcpy(room + 4, text.data, text.len);
        room += 4 + text.len;
    }
}

void copy_time_ms(struct copy *copy, int64_t ms)
{
    copy_int8(copy, wire_time_from_ms(ms));
}

enum err copy_finish(struct copy *copy, struct bytes *ret, struct why *why)
{
    assert(copy->fields_left == 0);
    char *room = take(copy, 2);
    if (room == NULL)
        return why_say(why, ERR_REJECT, "%zu rows for PostgreSQL are over %zu bytes", copy->rows,
                       copy->bytes.ceiling);
    wire_put_16(room, UINT16_MAX);
    *ret = text_bytes(&copy->bytes);
    return ERR_OK;
}
