// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "base/text.h"

// Appends a file's bytes to `into`. ERR_FATAL: it cannot be read, or is over the text's ceiling.
MUST_CHECK enum err file_read(const char *path, struct text *into, struct why *why);
// Makes the file anew with this text, all of it or nothing. ERR_FATAL: it cannot be written.
MUST_CHECK enum err file_write(const char *path, const char *text, struct why *why);
