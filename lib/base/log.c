// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"

// A line is formatted on the stack and leaves in one write, so it never waits for a lock of ours.
// What would not fit is cut: a log line is for people.

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

enum log_level log_level_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

enum log_level log_level_of_syslog(int level)
{
    return level <= 3 ? LOG_LEVEL_WARN : level <= 5 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    if ((int)level > sink.level)
        return;
    char line[2048], when[FORMAT_TIME_MAX];
    format_time_ms(clock_real_ms(), when);
    int head = snprintf(line, sizeof line - 2, "time=%s level=%s program=%s event=%s ", when,
                        names[level], sink.program, event);
    va_list args;
    va_start(args, format);
    int rest = vsnprintf(line + head, sizeof line - 2 - (size_t)head, format, args);
    va_end(args);
    size_t len = (size_t)head + (rest < 0 ? 0 : (size_t)rest);
    if (len > sizeof line - 2)
        len = sizeof line - 3;
    for (size_t i = (size_t)head; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[len++] = '\n';
    // Standard error may be closed or full: there is nobody left to tell.
    IGNORE(write(STDERR_FILENO, line, len));
}
