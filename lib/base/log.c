// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"

// A line is formatted on the stack and leaves in one write, so it never waits for a lock of ours.
// What would not fit is cut: a log line is for people. The format is walked here and not by the C
// library, since only here it is known which bytes are the program's and which came from outside:
// the latter may not end a value or a line. A line has no columns, so widths and flags do nothing.

enum { LINE_MAX_BYTES = 2048, NUMBER_MAX = 64, UNTOLD = -1 };

static struct {
    const char *program;
    _Atomic int level;
} sink = {.program = "retentionai", .level = LOG_LEVEL_INFO};

void log_init(const char *program, enum log_level level)
{
    sink.program = program;
    sink.level = (int)level;
}

void log_set_level(enum log_level level)
{
    sink.level = (int)level;
}

static const char *const names[] = {"error", "warn", "info", "debug"};

bool log_level_from_text(const char *name, enum log_level *ret)
{
    size_t i = 0;
    while (i < ARRAY_LEN(names) && strcmp(names[i], name) != 0)
        i++;
    if (i == ARRAY_LEN(names))
        return false;
    *ret = (enum log_level)i;
    return true;
}

const char *log_level_name(enum log_level level)
{
    return names[level];
}

enum log_level log_level_of_syslog(int level)
{
    return level <= 3 ? LOG_LEVEL_WARN : level <= 5 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
    bool is_full; // something did not fit: nothing more comes
};

// All of it or nothing, so that an escape is never cut in two.
static void put(struct line *line, const char *bytes, size_t len)
{
    line->is_full |= line->len + len >= sizeof line->bytes; // the line end has its place
    if (line->is_full)
        return;
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
}

static void put_string(struct line *line, const char *string)
{
    put(line, string, strlen(string));
}

// A byte that came from outside.
static void put_escaped(struct line *line, char c)
{
    bool is_control = (unsigned char)c < 0x20 || c == 0x7f;
    const char pair[] = {'\\', c};
    if (c == '"' || c == '\\')
        put(line, pair, sizeof pair);
    else
        put(line, is_control ? " " : &c, 1);
}

// A value without quotes in the format gets them where it could not be read back otherwise.
static void put_value(struct line *line, const char *value, int precision)
{
    size_t len = value == NULL ? 0 : strnlen(value, precision < 0 ? SIZE_MAX : (size_t)precision);
    bool is_bare = line->len > 0 && line->bytes[line->len - 1] == '=';
    bool is_quoted = is_bare && len == 0;
    for (size_t i = 0; is_bare && i < len; i++)
        is_quoted |= (unsigned char)value[i] <= ' ' || strchr("\"=\x7f", value[i]) != NULL;
    if (is_quoted)
        put(line, "\"", 1);
    for (size_t i = 0; i < len; i++)
        put_escaped(line, value[i]);
    if (is_quoted)
        put(line, "\"", 1);
}

// One conversion: "%", flags, width, precision, length modifier, letter.
struct conversion {
    int precision; // UNTOLD: none
    char length;   // 0, 'h', 'l', 'L' for ll, 'z', 'j', 't'
    char letter;
};

static long long signed_of(const struct conversion *conversion, va_list *args)
{
    switch (conversion->length) {
    case 'l':
        return va_arg(*args, long);
    case 'L':
        return va_arg(*args, long long);
    case 'z':
        return va_arg(*args, ssize_t);
    case 'j':
        return va_arg(*args, intmax_t);
    case 't':
        return va_arg(*args, ptrdiff_t);
    default:
        return va_arg(*args, int);
    }
}

static unsigned long long unsigned_of(const struct conversion *conversion, va_list *args)
{
    switch (conversion->length) {
    case 'l':
        return va_arg(*args, unsigned long);
    case 'L':
        return va_arg(*args, unsigned long long);
    case 'z':
        return va_arg(*args, size_t);
    case 'j':
        return va_arg(*args, uintmax_t);
    case 't':
        return (unsigned long long)va_arg(*args, ptrdiff_t);
    default:
        return va_arg(*args, unsigned);
    }
}

// False: nobody here knows the type of its argument.
static bool put_conversion(struct line *line, const struct conversion *conversion, va_list *args)
{
    char number[NUMBER_MAX] = "";
    switch (conversion->letter) {
    case '%':
        put(line, "%", 1);
        return true;
    case 's':
        put_value(line, va_arg(*args, const char *), conversion->precision);
        return true;
    case 'c':
        put_escaped(line, (char)va_arg(*args, int));
        return true;
    case 'd':
    case 'i':
        snprintf(number, sizeof number, "%lld", signed_of(conversion, args));
        break;
    case 'u':
        snprintf(number, sizeof number, "%llu", unsigned_of(conversion, args));
        break;
    case 'x':
        snprintf(number, sizeof number, "%llx", unsigned_of(conversion, args));
        break;
    case 'f':
        snprintf(number, sizeof number, "%.*f", conversion->precision, va_arg(*args, double));
        break;
    case 'g':
        snprintf(number, sizeof number, "%.*g", conversion->precision, va_arg(*args, double));
        break;
    default:
        return false;
    }
    put_string(line, number);
    return true;
}

// A number of a width or a precision, which may stand among the arguments.
static int read_count(const char **at, va_list *args)
{
    if (**at == '*') {
        ++*at;
        return va_arg(*args, int);
    }
    char *end = NULL;
    long count = strtol(*at, &end, 10);
    *at = end;
    return count > LINE_MAX_BYTES ? LINE_MAX_BYTES : (int)count;
}

// `at` stands behind the "%" and goes behind the conversion.
static struct conversion read_conversion(const char **at, va_list *args)
{
    struct conversion conversion = {.precision = UNTOLD};
    *at += strspn(*at, "-+ #0");
    if (**at == '*' || (**at >= '1' && **at <= '9'))
        IGNORE(read_count(at, args)); // a width
    if (**at == '.') {
        ++*at;
        conversion.precision =
            **at == '*' || (**at >= '0' && **at <= '9') ? read_count(at, args) : 0;
    }
    size_t modifiers = strspn(*at, "hlzjt");
    if (modifiers > 0)
        conversion.length = modifiers == 2 && **at == 'l' ? 'L' : **at;
    *at += modifiers;
    conversion.letter = **at;
    *at += **at != '\0';
    return conversion;
}

static void put_format(struct line *line, const char *format, va_list *args)
{
    for (const char *at = format; *at != '\0';) {
        size_t len = strcspn(at, "%");
        put(line, at, len);
        at += len;
        if (*at == '\0')
            return;
        const char *from = at++;
        struct conversion conversion = read_conversion(&at, args);
        if (!put_conversion(line, &conversion, args)) {
            // The arguments behind it cannot be found either.
            put_string(line, from);
            return;
        }
    }
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    if ((int)level > sink.level)
        return;
    struct line line = {.len = 0};
    char when[FORMAT_TIME_MAX];
    format_time_ms(clock_real_ms(), when);
    const char *const head[] = {
        "time=", when, " level=", names[level], " program=", sink.program, " event=", event, " "};
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        put_string(&line, head[i]);
    va_list args;
    va_start(args, format);
    put_format(&line, format, &args);
    va_end(args);
    line.bytes[line.len++] = '\n';
    // Standard error may be closed or full: there is nobody left to tell.
    IGNORE(write(STDERR_FILENO, line.bytes, line.len));
}
