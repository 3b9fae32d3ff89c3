// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// What a row of a table can hold of values from outside. Pure functions, any thread.

// Valid UTF-8 without a zero byte, at most `max` bytes; null is fine.
bool storable_text(struct bytes text, size_t max);
// The same, and not empty.
bool storable_id(struct bytes text, size_t max);
// Milliseconds since 1970, until the end of the year 9999.
bool storable_time(int64_t ms);
