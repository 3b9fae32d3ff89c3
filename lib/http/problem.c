// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <time.h>

#include "json/json.h"
#include "http/serving.h"

// Problems as RFC 9457 has them. What they quote came from a client and may be long: the ceiling is
// far above what the program lists, and a problem that goes over it is told without its errors.

enum { PROBLEM_BYTES = 64 * 1024 };

const struct http_problem problem_shutting_down = {
    .status = 503,
    .code = "shutting-down",
    .title = "The gateway is about to end",
    .detail = "Try again; another one may answer.",
    .retry_after_s = 1,
};
const struct http_problem problem_internal = {
    .status = 500,
    .code = "internal",
    .title = "The gateway has made a mistake",
    .detail = "The log of the gateway tells what.",
};
const struct http_problem problem_overloaded = {
    .status = 503,
    .code = "overloaded",
    .title = "There is too much to do",
    .detail = "Too many answers wait to be read; try again in a moment.",
    .retry_after_s = 1,
};

static enum err write_member(struct text *out, const char *before, const char *value)
{
    enum err err = text_append_string(out, before);
    return err == ERR_OK ? json_write_string(out, bytes_from_string(value)) : err;
}

static enum err write_errors(struct text *out, const struct http_problem *problem)
{
    enum err err = problem->error_count > 0 ? text_append_string(out, ",\"errors\":[") : ERR_OK;
    for (size_t i = 0; i < problem->error_count && err == ERR_OK; i++) {
        const struct http_field_error *error = &problem->errors[i];
        err = write_member(out, i == 0 ? "{\"field\":" : ",{\"field\":", error->field);
        if (err == ERR_OK)
            err = write_member(out, ",\"code\":", error->code);
        if (err == ERR_OK)
            err = write_member(out, ",\"detail\":", error->detail);
        if (err == ERR_OK)
            err = text_append_string(out, "}");
    }
    return err == ERR_OK && problem->error_count > 0 ? text_append_string(out, "]") : err;
}

static enum err write_problem(struct text *out, const struct http_problem *problem)
{
    const char *detail = problem->detail != NULL ? problem->detail : problem->title;
    enum err err = text_printf(out, "{\"type\":\"/docs#problem-%s\",\"status\":%u,\"code\":\"%s\"",
                               problem->code, problem->status, problem->code);
    if (err == ERR_OK)
        err = write_member(out, ",\"title\":", problem->title);
    if (err == ERR_OK)
        err = write_member(out, ",\"detail\":", detail);
    if (err == ERR_OK && problem->instance != NULL)
        err = write_member(out, ",\"instance\":", problem->instance);
    return err;
}

enum { HEADERS_MAX = 16 };

struct problem_answer {
    struct http_answer answer;
    struct text body;
    struct http_header headers[HEADERS_MAX + 1];
    char retry_after[24];
};

static void write_body(struct text *out, const struct http_problem *problem)
{
    enum err err = write_problem(out, problem);
    size_t without_errors = out->len;
    if (err == ERR_OK && write_errors(out, problem) != ERR_OK)
        out->len = without_errors;
    out->ceiling++;
    IGNORE(text_append_string(out, "}")); // the place was just made
}

static void make_answer(const struct http_problem *problem, struct problem_answer *ret)
{
    ret->body = TEXT_INIT(PROBLEM_BYTES);
    write_body(&ret->body, problem);
    size_t count = 0;
    for (; count < problem->header_count && count < HEADERS_MAX; count++)
        ret->headers[count] = problem->headers[count];
    if (problem->retry_after_s > 0) {
        snprintf(ret->retry_after, sizeof ret->retry_after, "%lld",
                 (long long)problem->retry_after_s);
        ret->headers[count++] = (struct http_header){"Retry-After", ret->retry_after};
    }
    ret->answer = (struct http_answer){.status = problem->status,
                                       .content_type = "application/problem+json",
                                       .body = &ret->body,
                                       .headers = ret->headers,
                                       .header_count = count};
}

void answer_make_problem(struct http_exchange *exchange, const struct http_problem *problem)
{
    struct problem_answer made;
    make_answer(problem, &made);
    answer_make(exchange, &made.answer);
}

struct http_fixed *http_fixed_problem(const struct http_problem *problem)
{
    struct problem_answer made;
    make_answer(problem, &made);
    return http_fixed_new(&made.answer);
}

void problem_write_raw(const struct http_exchange *exchange, const struct http_problem *problem,
                       struct text *out)
{
    CLEANUP(text_done) struct text body = TEXT_INIT(PROBLEM_BYTES);
    write_body(&body, problem);
    char date[40];
    struct tm parts;
    time_t now = time(NULL);
    const char *hsts = exchange->server->hsts;
    strftime(date, sizeof date, "%a, %d %b %Y %T GMT", gmtime_r(&now, &parts));
    IGNORE(text_printf(out, // the server's own problems are short
                       "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n"
                       "Content-Type: application/problem+json\r\n"
                       "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
                       "Referrer-Policy: no-referrer\r\n"
                       "Content-Security-Policy: " DEFAULT_POLICY "\r\n%s%s%s"
                       "Content-Length: %zu\r\n\r\n%s",
                       problem->status, MHD_get_reason_phrase_for(problem->status), date,
                       hsts[0] == '\0' ? "" : "Strict-Transport-Security: ", hsts,
                       hsts[0] == '\0' ? "" : "\r\n", body.len,
                       exchange->is_head_method ? "" : text_string(&body)));
}
