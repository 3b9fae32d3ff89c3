// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "domain/features.h"

// What people read of a score: its reasons in words, in their language. Pure; any thread.

// English, or French where Accept-Language (RFC 9110, 12.5.4; NULL: none) prefers it.
enum language words_language(const char *accept_language);

// A reason as JSON text: "overtime: raises the risk". An attribute that the features do not have
// keeps its name. ERR_REJECT: over the ceiling of `out`.
MUST_CHECK enum err words_write_reason(const struct features *features, enum language language,
                                       struct bytes attribute, double weight, struct text *out);
