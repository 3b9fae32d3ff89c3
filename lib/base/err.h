// SPDX-License-Identifier: MIT
#pragma once

#include "base/compiler.h"

// What whoever called a failed function has to do next: five verdicts, not a list of what can
// break. "Not found" and "already there" are answers, given through ret_*, and no verdicts. Any
// thread.

enum err {
    ERR_OK,     // go on
    ERR_RETRY,  // the same call may work later: back off, keep the place
    ERR_REJECT, // this input can never work: set it aside with its reason, move on
    ERR_STOP,   // shutdown was asked for: unwind
    ERR_FATAL,  // our bug, settings or machine: log, leave with a failing status
};

// The verdict's name in lower case, static text.
const char *err_name(enum err err);

// One sentence for the log or for a person, and a stable lower-case code ("bad-magic") that
// machines may count by. Fixed size, no ownership; written only by the functions below.
struct why {
    char code[40];
    char text[472];
};

// Both write the sentence (cut at the end where it is too long), clear or set the code, and give
// `err` back, so that a failure is one line: return why_say(why, ERR_FATAL, "cannot ...").
// `why` may be NULL.
enum err why_say(struct why *why, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
enum err why_code(struct why *why, enum err err, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);

// The code, or the verdict's name where the sentence has none: for a field that is never empty.
const char *why_code_or_verdict(const struct why *why, enum err err);

// Puts "prefix: " before the sentence that is there and keeps its code; gives `err` back.
enum err why_prefix(struct why *why, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
