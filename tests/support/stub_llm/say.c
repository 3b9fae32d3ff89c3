// SPDX-License-Identifier: MIT
#include "say.h"

#include <stdarg.h>
#include <stdlib.h>

#include "json/json.h"

static void must(enum err err)
{
    if (err != ERR_OK)
        abort();
}

void say(struct text *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum err err = text_vprintf(out, format, args);
    va_end(args);
    must(err);
}

void say_bytes(struct text *out, const void *data, size_t len)
{
    must(text_append(out, data, len));
}

void say_json(struct text *out, struct bytes string)
{
    must(json_write_string(out, string));
}
