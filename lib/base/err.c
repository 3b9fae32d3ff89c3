// SPDX-License-Identifier: MIT
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// A why has a fixed size on purpose: the place where memory ran out must be able to say so.

const char *err_name(enum err err)
{
    switch (err) {
    case ERR_OK:
        return "ok";
    case ERR_RETRY:
        return "retry";
    case ERR_REJECT:
        return "reject";
    case ERR_STOP:
        return "stop";
    case ERR_FATAL:
        return "fatal";
    }
    return "unknown";
}

enum err why_say(struct why *why, enum err err, const char *format, ...)
{
    if (why == NULL)
        return err;
    why->code[0] = '\0';
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    return err;
}

enum err why_code(struct why *why, enum err err, const char *code, const char *format, ...)
{
    if (why == NULL)
        return err;
    snprintf(why->code, sizeof why->code, "%s", code);
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    return err;
}

enum err why_prefix(struct why *why, enum err err, const char *format, ...)
{
    if (why == NULL)
        return err;
    char old[sizeof why->text];
    memcpy(old, why->text, sizeof old);
    old[sizeof old - 1] = '\0';
    va_list args;
    va_start(args, format);
    int len = vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    size_t at = len < 0 ? 0 : (size_t)len;
    size_t keep = strlen(old);
    if (at + 3 < sizeof why->text) {
        memcpy(why->text + at, ": ", 2);
        if (keep > sizeof why->text - at - 3)
            keep = sizeof why->text - at - 3;
        memcpy(why->text + at + 2, old, keep);
        why->text[at + 2 + keep] = '\0';
    }
    return err;
}

const char *why_code_or_verdict(const struct why *why, enum err err)
{
    return why->code[0] != '\0' ? why->code : err_name(err);
}
