// SPDX-License-Identifier: MIT
#pragma once

#include "base/compiler.h"
#include "base/err.h"
#include "base/text.h"
#include "http/exchange.h"

// What the gateway refuses with: problems.def, each as application/problem+json. Any thread; each
// call ends the exchange.

enum problem {
#define PROBLEM(id, status, code, title) PROBLEM_##id,
#include "problems.def"
#undef PROBLEM
    PROBLEM_COUNT
};

// Status, code and title are filled, the rest is the caller's.
struct http_problem problem_of(enum problem problem);
// The problem of this code, as a reply or a row has it; PROBLEM_REFUSED where there is none.
enum problem problem_from_code(struct bytes code);

// `detail`: a sentence about this case, what to change in it if possible. Those of status 503 and
// 429 ask to come again in a second, those of 401 tell what is wanted.
void problem_answer(struct http_exchange *exchange, enum problem problem, const char *detail, ...)
    PRINTF_LIKE(3, 4);
// The same kept ready, for what is refused often; the caller frees it once the server has stopped.
struct http_fixed *problem_fixed(enum problem problem, const char *detail);
// The same with another wait.
void problem_answer_after(struct http_exchange *exchange, enum problem problem,
                          int64_t retry_after_s, const char *detail, ...) PRINTF_LIKE(4, 5);
// One field that cannot be: PROBLEM_INVALID.
void problem_answer_field(struct http_exchange *exchange, const char *field, const char *code,
                          const char *detail, ...) PRINTF_LIKE(4, 5);
// What a database job that failed comes to; the reason is for the log.
void problem_answer_database(struct http_exchange *exchange, enum err err, const struct why *why);
