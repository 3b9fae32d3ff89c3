// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/compiler.h"

// One line per event on standard error, in logfmt: time, level, program, event, then what the
// caller adds. Programs log; modules return a verdict and a why. One write(2) a line, so threads
// and processes that share the stream do not mix. Never names, pay, tokens, passwords. Any thread.

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

// Before the first line; `program` must live as long as the process.
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
#define LOG_LEVELS "error, warn, info or debug"
// False where the name is none of LOG_LEVELS.
bool log_level_from_text(const char *name, enum log_level *ret);
const char *log_level_name(enum log_level level);
// What a library says with a syslog level: its errors are our warnings, since it carries on.
enum log_level log_level_of_syslog(int level);

// `event` is a fixed word ("lane-started"). `format` gives logfmt pairs: "topic=%s offset=%"
// PRId64. In what %s brings, quotes and backslashes are escaped and control bytes become blanks; it
// is put between quotes directly behind a "=" where it is empty or has blanks. Text around a
// conversion, as in "why=\"waited for %s\"", brings its own. Conversions: s d i u x f g c, with any
// length but long double; precisions count, widths do not; the line ends with any other conversion.
void log_line(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
