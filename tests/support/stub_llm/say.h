// SPDX-License-Identifier: MIT
#pragma once

#include "base/compiler.h"
#include "base/text.h"

// Writing into texts whose ceiling is far above what is written, so that nothing has to be checked:
// going over it ends the process. Any thread.

enum { SAY_MAX = 16 * 1024 * 1024 };

void say(struct text *out, const char *format, ...) PRINTF_LIKE(2, 3);
void say_bytes(struct text *out, const void *data, size_t len);
void say_json(struct text *out, struct bytes string); // quoted and escaped
