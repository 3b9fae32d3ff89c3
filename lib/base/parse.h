// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// Numbers, times and words from bytes: the whole input must be the value (no blanks, no rest), in
// no locale. ERR_REJECT with a sentence that quotes the input (cut at 40 bytes) otherwise. Any
// thread.

MUST_CHECK enum err parse_i64(struct bytes in, int64_t min, int64_t max, int64_t *ret,
                              struct why *why);
// A finite decimal or exponent number; no hex, no "inf", no "nan".
MUST_CHECK enum err parse_double(struct bytes in, double *ret, struct why *why);
// true/false, yes/no, on/off, 1/0 in any case.
MUST_CHECK enum err parse_bool(struct bytes in, bool *ret, struct why *why);
// A whole number with an optional unit ms, s, m, h or d (ms without): milliseconds.
MUST_CHECK enum err parse_duration_ms(struct bytes in, int64_t *ret_ms, struct why *why);
// A whole number with an optional unit k, M or G (times 1024): bytes.
MUST_CHECK enum err parse_size_bytes(struct bytes in, int64_t *ret_bytes, struct why *why);
// RFC 3339 in UTC or with an offset ("2026-03-01T08:30:00Z", fraction optional), a bare date
// (midnight UTC), or milliseconds since 1970: milliseconds since 1970, years 1970 to 9999.
MUST_CHECK enum err parse_time_ms(struct bytes in, int64_t *ret_ms, struct why *why);

// The shortest of 15, 16 or 17 significant digits that reads back as the same bits, always with a
// '.' or an exponent where the value is whole ("1.0"). `value` is finite. Gives the length.
#define FORMAT_DOUBLE_MAX 32
size_t format_double(double value, char out[FORMAT_DOUBLE_MAX]);
// "2026-03-01T08:30:00.000Z"
#define FORMAT_TIME_MAX 32
size_t format_time_ms(int64_t ms, char out[FORMAT_TIME_MAX]);
