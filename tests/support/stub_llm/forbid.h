// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

// Byte strings that no request may hold: names of attributes, values planted as canaries. Hundreds
// of thousands of them are looked for in a request at once. Read by any thread once it is loaded.

enum { FORBID_BYTES_MIN = 2, FORBID_BYTES_MAX = 1024 };

struct forbid;

// One string a line, without its end; empty lines do not count. ERR_FATAL: the file cannot be read
// or a line is shorter or longer than the bounds above.
MUST_CHECK enum err forbid_load(const char *path, struct forbid **ret, struct why *why);
void forbid_free(struct forbid *forbid);
DEFINE_CLEANUP(struct forbid, forbid_free)

// True where one of the strings occurs; its line in the file. `forbid` NULL: none.
bool forbid_finds(const struct forbid *forbid, struct bytes in, size_t *ret_line);
