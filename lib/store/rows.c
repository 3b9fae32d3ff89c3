// SPDX-License-Identifier: MIT
#include "store/rows.h"

#include <assert.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "store/pg.h"
#include "store/wire.h"

// Values out of a result in binary form. The length of a fixed type is asserted: a statement whose
// column has another type is our bug.

void pg_rows_free(struct pg_rows *rows)
{
    if (rows == NULL)
        return;
    PQclear(rows->result);
    free(rows);
}

size_t pg_count(const struct pg_rows *rows)
{
    return (size_t)PQntuples(rows->result);
}

size_t pg_affected(const struct pg_rows *rows)
{
    return (size_t)strtoull(PQcmdTuples(rows->result), NULL, 10);
}

bool pg_is_null(const struct pg_rows *rows, size_t row, int column)
{
    return PQgetisnull(rows->result, (int)row, column) != 0;
}

// The value's bytes, NULL for null; `len` is what the getter's type has.
static const char *fixed(const struct pg_rows *rows, size_t row, int column, int len)
{
    if (pg_is_null(rows, row, column))
        return NULL;
    assert(PQgetlength(rows->result, (int)row, column) == len);
    (void)len;
    return PQgetvalue(rows->result, (int)row, column);
}

bool pg_get_bool(const struct pg_rows *rows, size_t row, int column)
{
    const char *value = fixed(rows, row, column, 1);
    return value != NULL && value[0] != 0;
}

int16_t pg_get_int2(const struct pg_rows *rows, size_t row, int column)
{
    const char *value = fixed(rows, row, column, 2);
    return value == NULL ? 0 : (int16_t)wire_get_16(value);
}

int32_t pg_get_int4(const struct pg_rows *rows, size_t row, int column)
{
    const char *value = fixed(rows, row, column, 4);
    return value == NULL ? 0 : (int32_t)wire_get_32(value);
}

int64_t pg_get_int8(const struct pg_rows *rows, size_t row, int column)
{
    const char *value = fixed(rows, row, column, 8);
    return value == NULL ? 0 : (int64_t)wire_get_64(value);
}

double pg_get_float8(const struct pg_rows *rows, size_t row, int column)
{
    const char *value = fixed(rows, row, column, 8);
    return value == NULL ? 0 : wire_bits_double(wire_get_64(value));
}

struct bytes pg_get_text(const struct pg_rows *rows, size_t row, int column)
{
    if (pg_is_null(rows, row, column))
        return bytes_of(NULL, 0);
    return bytes_of(PQgetvalue(rows->result, (int)row, column),
                    (size_t)PQgetlength(rows->result, (int)row, column));
}

size_t pg_get_texts(const struct pg_rows *rows, size_t row, int column, struct bytes *out,
                    size_t max, size_t step)
{
    struct bytes array = pg_get_text(rows, row, column);
    const uint32_t head[] = WIRE_ARRAY_HEAD(WIRE_TYPE_TEXT, 1);
    if (array.len < sizeof head) // null, or without elements
        return 0;
    assert(wire_get_32(array.data) == 1 && wire_get_32(array.data + 8) == WIRE_TYPE_TEXT);
    size_t count = wire_get_32(array.data + 12), at = sizeof head;
    if (count > max)
        count = max;
    for (size_t i = 0; i < count; i++) {
        uint32_t len = wire_get_32(array.data + at);
        out[i * step] = len == UINT32_MAX ? bytes_of(NULL, 0) : bytes_of(array.data + at + 4, len);
        at += 4 + out[i * step].len;
    }
    return count;
}

int64_t pg_get_time_ms(const struct pg_rows *rows, size_t row, int column)
{
    const char *value = fixed(rows, row, column, 8);
    return value == NULL ? 0 : wire_time_to_ms((int64_t)wire_get_64(value));
}
