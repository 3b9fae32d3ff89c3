// SPDX-License-Identifier: MIT
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

// Values in PostgreSQL's binary formats, which parameters, results and COPY share: big-endian, and
// times as microseconds since 2000-01-01 UTC. For the files of this module. Any thread.

#define WIRE_EPOCH_MS INT64_C(946684800000)

static inline void wire_put_16(void *out, uint16_t value)
{
    value = htobe16(value);
    memcpy(out, &value, sizeof value);
}

static inline void wire_put_32(void *out, uint32_t value)
{
    value = htobe32(value);
    memcpy(out, &value, sizeof value);
}

static inline void wire_put_64(void *out, uint64_t value)
{
    value = htobe64(value);
    memcpy(out, &value, sizeof value);
}

static inline uint16_t wire_get_16(const void *in)
{
    uint16_t value;
    memcpy(&value, in, sizeof value);
    return be16toh(value);
}

static inline uint32_t wire_get_32(const void *in)
{
    uint32_t value;
    memcpy(&value, in, sizeof value);
    return be32toh(value);
}

static inline uint64_t wire_get_64(const void *in)
{
    uint64_t value;
    memcpy(&value, in, sizeof value);
    return be64toh(value);
}

// The head of an array (src/backend/utils/adt/arrayfuncs.c, array_recv): dimensions, may-have-nulls
// flag, element type, length, lower bound; then each element with its length in front. An empty one
// has no dimensions, and its head ends behind the element type.
#define WIRE_TYPE_TEXT 25 // pg_type.dat: it never changes
#define WIRE_ARRAY_HEAD(element_type, count)                                                       \
    {                                                                                              \
        (count) > 0 ? 1 : 0, 1, (element_type), (uint32_t)(count), 1                               \
    }
enum { WIRE_EMPTY_ARRAY_WORDS = 3 };

static inline uint64_t wire_double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double wire_bits_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Within the years 1 to 9999, which callers have checked, neither can overflow.
static inline int64_t wire_time_from_ms(int64_t ms)
{
    return (ms - WIRE_EPOCH_MS) * 1000;
}

// Down to the millisecond.
static inline int64_t wire_time_to_ms(int64_t us)
{
    int64_t ms = us / 1000 - (us % 1000 < 0);
    return ms + WIRE_EPOCH_MS;
}
