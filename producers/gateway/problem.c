// SPDX-License-Identifier: MIT
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { DETAIL_MAX = 512, RETRY_AFTER_S = 1 };

static const struct http_problem table[] = {
#define PROBLEM(id, number, name, words) {.status = (number), .code = (name), .title = (words)},
#include "problems.def"
#undef PROBLEM
};

struct http_problem problem_of(enum problem problem)
{
    return table[problem];
}

enum problem problem_from_code(struct bytes code)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (bytes_equal_string(code, table[i].code))
            return (enum problem)i;
    return PROBLEM_REFUSED;
}

// RFC 6750, section 3: why a bearer token did not do.
static const struct http_header *challenge_of(enum problem problem)
{
    static const struct http_header wanted = {"WWW-Authenticate", "Bearer realm=\"retentionai\""};
    static const struct http_header refused = {
        "WWW-Authenticate", "Bearer realm=\"retentionai\", error=\"invalid_token\""};
    return problem == PROBLEM_BAD_TOKEN ? &refused : &wanted;
}

static struct http_problem with_detail(enum problem problem, const char *detail)
{
    struct http_problem answer = table[problem];
    answer.detail = detail;
    if (answer.status == 401) {
        answer.headers = challenge_of(problem);
        answer.header_count = 1;
    }
    return answer;
}

static void answer(struct http_exchange *exchange, enum problem problem, int64_t retry_after_s,
                   const char *detail, const struct http_field_error *error)
{
    struct http_problem answer = with_detail(problem, detail);
    answer.retry_after_s = retry_after_s;
    answer.errors = error;
    answer.error_count = error == NULL ? 0 : 1;
    http_answer_problem(exchange, &answer);
}

struct http_fixed *problem_fixed(enum problem problem, const char *detail)
{
    const struct http_problem answer = with_detail(problem, detail);
    return http_fixed_problem(&answer);
}

void problem_answer(struct http_exchange *exchange, enum problem problem, const char *detail, ...)
{
    char text[DETAIL_MAX];
    va_list args;
    va_start(args, detail);
    vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    unsigned status = table[problem].status;
    answer(exchange, problem, status == 503 || status == 429 ? RETRY_AFTER_S : 0, text, NULL);
}

void problem_answer_after(struct http_exchange *exchange, enum problem problem,
                          int64_t retry_after_s, const char *detail, ...)
{
    char text[DETAIL_MAX];
    va_list args;
    va_start(args, detail);
    vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    answer(exchange, problem, retry_after_s, text, NULL);
}

void problem_answer_field(struct http_exchange *exchange, const char *field, const char *code,
                          const char *detail, ...)
{
    char text[DETAIL_MAX];
    va_list args;
    va_start(args, detail);
    vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    answer(exchange, PROBLEM_INVALID, 0, text, &(struct http_field_error){field, code, text});
}

void problem_answer_database(struct http_exchange *exchange, enum err err, const struct why *why)
{
    if (err == ERR_RETRY || err == ERR_STOP) {
        problem_answer(exchange, PROBLEM_DATABASE_UNAVAILABLE, "try again in a moment");
        return;
    }
    log_error("request-failed", "verdict=%s code=%s why=\"%s\"", err_name(err),
              why_code_or_verdict(why, err), why->text);
    problem_answer(exchange, PROBLEM_INTERNAL, "the operator finds the reason in the log");
}
