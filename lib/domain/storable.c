// SPDX-License-Identifier: MIT
// PostgreSQL's text takes any UTF-8 but the zero byte.

#include "domain/storable.h"

#include <string.h>

bool storable_text(struct bytes text, size_t max)
{
    return text.len <= max && utf8_is_valid(text) &&
           (text.len == 0 || memchr(text.data, 0, text.len) == NULL);
}

bool storable_id(struct bytes text, size_t max)
{
    return text.len > 0 && storable_text(text, max);
}

bool storable_time(int64_t ms)
{
    return ms >= 0 && ms < INT64_C(253402300800000);
}
