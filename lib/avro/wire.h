// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"

// Reading and writing the primitives of Avro's binary encoding (Avro 1.11 specification, "Binary
// Encoding"), inlined into the decoders and encoders of this module. For this module's files only.

// What can be wrong with a body; AVRO_FINE is 0.
enum avro_fault {
    AVRO_FINE,
    AVRO_TRUNCATED,
    AVRO_BAD_VARINT,
    AVRO_BAD_LENGTH,
    AVRO_BAD_BOOLEAN,
    AVRO_BAD_UNION_INDEX,
    AVRO_BAD_ENUM_INDEX,
    AVRO_TOO_MANY_ITEMS,
    AVRO_TRAILING_BYTES,
    AVRO_INVALID_UTF8,
    AVRO_NULL_VALUE,
    AVRO_WRONG_BRANCH,
    AVRO_MAP_TOO_LARGE,
};

// The verdict ERR_REJECT with the fault's code and a sentence naming the field and the byte.
enum err avro_fault_say(struct why *why, enum avro_fault fault, const char *field, size_t byte);

// Items that take no byte (null, records without fields) are not bounded by the message's length;
// so many of them may be in one block.
enum { AVRO_EMPTY_ITEMS_MAX = 65536 };

#define AVRO_INLINE static inline __attribute__((always_inline))

// Up to 10 bytes of 7 bits, the lowest first; zigzag: 0, -1, 1, -2 ... are 0, 1, 2, 3 ...
AVRO_INLINE enum avro_fault avro_read_long(const uint8_t **at, const uint8_t *end, int64_t *ret)
{
    const uint8_t *p = *at;
    uint64_t zigzag = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (UNLIKELY(p == end))
            return AVRO_TRUNCATED;
        uint8_t byte = *p++;
        if (UNLIKELY(shift == 63 && byte > 1))
            return AVRO_BAD_VARINT;
        zigzag |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = p;
            *ret = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
            return AVRO_FINE;
        }
    }
    return AVRO_BAD_VARINT;
}

AVRO_INLINE enum avro_fault avro_read_int(const uint8_t **at, const uint8_t *end, int64_t *ret)
{
    const uint8_t *p = *at;
    int64_t value = 0;
    enum avro_fault fault = avro_read_long(&p, end, &value);
    if (fault == AVRO_FINE && UNLIKELY(value < INT32_MIN || value > INT32_MAX))
        fault = AVRO_BAD_VARINT;
    if (fault == AVRO_FINE) {
        *at = p;
        *ret = value;
    }
    return fault;
}

// The length of what follows, which is inside the message. *at is moved behind the length.
AVRO_INLINE enum avro_fault avro_read_length(const uint8_t **at, const uint8_t *end, size_t *ret)
{
    const uint8_t *p = *at;
    int64_t length = 0;
    enum avro_fault fault = avro_read_long(&p, end, &length);
    if (UNLIKELY(fault != AVRO_FINE))
        return fault;
    if (UNLIKELY(length < 0 || (uint64_t)length > (size_t)(end - p)))
        return AVRO_BAD_LENGTH;
    *at = p;
    *ret = (size_t)length;
    return AVRO_FINE;
}

AVRO_INLINE enum avro_fault avro_read_index(const uint8_t **at, const uint8_t *end, size_t count,
                                            enum avro_fault bad, size_t *ret)
{
    const uint8_t *p = *at;
    int64_t index = 0;
    enum avro_fault fault = avro_read_long(&p, end, &index);
    if (UNLIKELY(fault != AVRO_FINE))
        return fault;
    if (UNLIKELY((uint64_t)index >= count))
        return bad;
    *at = p;
    *ret = (size_t)index;
    return AVRO_FINE;
}

AVRO_INLINE enum avro_fault avro_read_boolean(const uint8_t **at, const uint8_t *end, bool *ret)
{
    if (UNLIKELY(*at == end))
        return AVRO_TRUNCATED;
    if (UNLIKELY(**at > 1))
        return AVRO_BAD_BOOLEAN;
    *ret = *(*at)++ == 1;
    return AVRO_FINE;
}

AVRO_INLINE enum avro_fault avro_read_double(const uint8_t **at, const uint8_t *end, double *ret)
{
    if (UNLIKELY((size_t)(end - *at) < 8))
        return AVRO_TRUNCATED;
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++)
        bits |= (uint64_t)(*at)[i] << (8 * i);
    *at += 8;
    memcpy(ret, &bits, sizeof *ret);
    return AVRO_FINE;
}

AVRO_INLINE enum avro_fault avro_read_float(const uint8_t **at, const uint8_t *end, float *ret)
{
    if (UNLIKELY((size_t)(end - *at) < 4))
        return AVRO_TRUNCATED;
    uint32_t bits = 0;
    for (unsigned i = 0; i < 4; i++)
        bits |= (uint32_t)(*at)[i] << (8 * i);
    *at += 4;
    memcpy(ret, &bits, sizeof *ret);
    return AVRO_FINE;
}

// The head of the next block of an array or map. *ret_count 0: there are no more. A negative count
// is followed by the block's size in bytes: *ret_end is where it has to end, NULL where not said.
// `least_bytes` is the size of the smallest item; a block that cannot hold its items is refused
// before any of them is read.
AVRO_INLINE enum avro_fault avro_read_block(const uint8_t **at, const uint8_t *end,
                                            size_t least_bytes, uint64_t *ret_count,
                                            const uint8_t **ret_end)
{
    const uint8_t *p = *at;
    int64_t count = 0;
    size_t size = 0;
    enum avro_fault fault = avro_read_long(&p, end, &count);
    if (UNLIKELY(fault != AVRO_FINE))
        return fault;
    *ret_end = NULL;
    if (count < 0) {
        if (count == INT64_MIN)
            return AVRO_TOO_MANY_ITEMS;
        count = -count;
        fault = avro_read_length(&p, end, &size);
        if (UNLIKELY(fault != AVRO_FINE))
            return fault;
        *ret_end = p + size;
    }
    uint64_t most = least_bytes == 0 ? AVRO_EMPTY_ITEMS_MAX : (size_t)(end - p) / least_bytes;
    if (UNLIKELY((uint64_t)count > most))
        return AVRO_TOO_MANY_ITEMS;
    *at = p;
    *ret_count = (uint64_t)count;
    return AVRO_FINE;
}

// The writers put at most this many bytes and return the place behind them.
enum { AVRO_LONG_BYTES_MAX = 10 };

AVRO_INLINE uint8_t *avro_put_long(uint8_t *at, int64_t value)
{
    uint64_t zigzag = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
    while (zigzag >= 0x80) {
        *at++ = (uint8_t)(zigzag | 0x80);
        zigzag >>= 7;
    }
    *at++ = (uint8_t)zigzag;
    return at;
}

AVRO_INLINE uint8_t *avro_put_text(uint8_t *at, const uint8_t *data, size_t len)
{
    at = avro_put_long(at, (int64_t)len);
    if (len > 0)
        memcpy(at, data, len);
    return at + len;
}

AVRO_INLINE uint8_t *avro_put_double(uint8_t *at, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    for (unsigned i = 0; i < 8; i++)
        *at++ = (uint8_t)(bits >> (8 * i));
    return at;
}

AVRO_INLINE uint8_t *avro_put_float(uint8_t *at, float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    for (unsigned i = 0; i < 4; i++)
        *at++ = (uint8_t)(bits >> (8 * i));
    return at;
}
