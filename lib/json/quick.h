// SPDX-License-Identifier: MIT
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/text.h"

// Shared by the .c files of this module only.

// The tree of a document without anything unusual, nested at most `max_depth` deep; NULL: there is
// something unusual, or it is no JSON, which jansson may tell.
json_t *json_quick(struct bytes in, unsigned max_depth);

// How many of the bytes from the first on stand in a JSON string as they are: no quote, backslash
// or control character.
size_t json_plain(const uint8_t *data, size_t len);
