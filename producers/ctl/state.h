// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "base/value.h"
#include "domain/features.h"
#include "json/json.h"

// The state of one employee as a JSON object: a record of a topic, a row of the table, or a file
// that somebody wrote. One thread.

// Fills features->count values from the members that name an attribute, or its column; others are
// passed over, a null is a null. Text is borrowed from the object. ERR_REJECT: not one attribute,
// an attribute twice, or an impossible value.
MUST_CHECK enum err state_read(const struct features *features, const struct json *object,
                               struct value *ret, struct why *why);
