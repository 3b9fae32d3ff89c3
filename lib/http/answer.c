// SPDX-License-Identifier: MIT
#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/serving.h"

// Responses of libmicrohttpd out of answers. One costs some twenty allocations, three for each
// header; an answer that is kept ready has up to three responses, which connections share, and is
// used wherever nothing in it depends on the request but its coding and whether it is new.

#define EXPOSED                                                                                    \
    "ETag, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, "         \
    "WWW-Authenticate"

enum {
    PREFLIGHT_S = 600,
    LARGE_BYTES = 16 * 1024, // less goes to the kernel at once, as a rule
};

// ---- what the request wants

// The q-value is 0: "0", "0.0", "0.000".
static bool is_refused(const char *parameters, const char *end)
{
    const char *q = memmem(parameters, (size_t)(end - parameters), "q=", 2);
    if (q == NULL)
        return false;
    const char *digits = q + 2;
    while (digits < end && (*digits == '0' || *digits == '.'))
        digits++;
    return digits > q + 2 && (digits == end || *digits < '1' || *digits > '9');
}

// RFC 9110, 12.5.3, as far as it goes for one coding.
static bool accepts_gzip(const struct http_exchange *exchange)
{
    const char *at = exchange->head.accept_encoding;
    bool accepts_any = false;
    while (at != NULL && *at != '\0') {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ",; \t");
        const char *parameters = at + len, *end = at + strcspn(at, ",");
        bool is_gzip = (len == 4 && strncasecmp(at, "gzip", 4) == 0) ||
                       (len == 6 && strncasecmp(at, "x-gzip", 6) == 0);
        if (is_gzip)
            return !is_refused(parameters, end);
        if (len == 1 && *at == '*')
            accepts_any = !is_refused(parameters, end);
        at = end;
    }
    return accepts_any;
}

// RFC 9110, 13.1.2: by weak comparison, so that W/ does not count.
static bool has_already(const struct http_exchange *exchange, const struct http_answer *answer)
{
    const char *at = exchange->head.if_none_match, *etag = answer->etag;
    if (etag == NULL || at == NULL || answer->status != 200 ||
        (strcmp(exchange->method, "GET") != 0 && !exchange->is_head_method))
        return false;
    etag += strncmp(etag, "W/", 2) == 0 ? 2 : 0;
    size_t len = strlen(etag);
    while (*at != '\0') {
        at += strspn(at, ", \t");
        if (strcmp(at, "*") == 0)
            return true;
        at += strncmp(at, "W/", 2) == 0 ? 2 : 0;
        if (strncmp(at, etag, len) == 0 && strchr(", \t", at[len]) != NULL)
            return true;
        size_t quoted = *at == '"' ? strcspn(at + 1, "\"") + 2 : 1;
        at += strnlen(at, quoted);
    }
    return false;
}

static const char *allowed_origin(const struct http_exchange *exchange)
{
    const struct http_server_options *options = &exchange->server->options;
    const char *origin = exchange->head.origin;
    for (size_t i = 0; origin != NULL && i < options->origin_count; i++)
        if (strcmp(options->origins[i], origin) == 0)
            return options->origins[i];
    return NULL;
}

static bool must_close(const struct http_exchange *exchange)
{
    return exchange->must_close || atomic_load(&exchange->server->is_draining);
}

// ---- a response

enum variant { VARIANT_PLAIN, VARIANT_GZIP, VARIANT_NOT_MODIFIED, VARIANTS };

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    // Refused are line breaks, which a program must not let come here: the answer goes without.
    enum MHD_Result result = MHD_add_response_header(response, name, value);
    assert(result == MHD_YES);
    (void)result;
}

static struct MHD_Response *with_body(struct bytes body, enum MHD_ResponseMemoryMode mode)
{
    return mem_must(MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data, mode));
}

// What stands in every answer of this kind, whoever asks.
static void add_standing(const struct http_server *server, struct MHD_Response *response,
                         const struct http_answer *answer, bool is_negotiated)
{
    bool has_origins = server->options.origin_count > 0;
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Cache-Control",
        answer->cache_control != NULL ? answer->cache_control : "no-store");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "Content-Security-Policy",
        answer->content_policy != NULL ? answer->content_policy : DEFAULT_POLICY);
    if (server->hsts[0] != '\0')
        add(response, "Strict-Transport-Security", server->hsts);
    if (has_origins || is_negotiated)
        add(response, "Vary",
            !is_negotiated ? "Origin"
            : has_origins  ? "Origin, Accept-Encoding"
                           : "Accept-Encoding");
    if (answer->etag != NULL)
        add(response, "ETag", answer->etag);
    for (size_t i = 0; i < answer->header_count; i++)
        add(response, answer->headers[i].name, answer->headers[i].value);
}

// What depends on the exchange.
static void add_own(const struct http_exchange *exchange, struct MHD_Response *response)
{
    const char *origin = allowed_origin(exchange);
    if (origin != NULL) {
        add(response, "Access-Control-Allow-Origin", origin);
        add(response, "Access-Control-Expose-Headers", EXPOSED);
    }
    for (size_t i = 0; exchange->extra != NULL && i < exchange->extra->count; i++)
        add(response, exchange->extra->headers[i].name, exchange->extra->headers[i].value);
    if (must_close(exchange))
        add(response, "Connection", "close");
}

static struct bytes body_of(const struct http_answer *answer, enum variant variant)
{
    switch (variant) {
    case VARIANT_GZIP:
        return answer->constant_gzip;
    case VARIANT_PLAIN:
        return answer->body != NULL ? text_bytes(answer->body) : answer->constant;
    case VARIANT_NOT_MODIFIED:
    case VARIANTS:
        break;
    }
    return (struct bytes){0};
}

static struct MHD_Response *make(const struct http_server *server, const struct http_answer *answer,
                                 enum variant variant, bool takes_body)
{
    struct bytes body = body_of(answer, variant);
    takes_body = takes_body && variant == VARIANT_PLAIN && answer->body != NULL && body.len > 0;
    struct MHD_Response *response =
        with_body(body, takes_body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (takes_body)
        IGNORE(text_take(answer->body)); // the response owns it now
    if (answer->content_type != NULL && variant != VARIANT_NOT_MODIFIED)
        add(response, "Content-Type", answer->content_type);
    if (variant == VARIANT_GZIP)
        add(response, "Content-Encoding", "gzip");
    add_standing(server, response, answer, answer->constant_gzip.len > 0);
    return response;
}

static enum variant choose(struct http_exchange *exchange, const struct http_answer *answer)
{
    enum variant variant = has_already(exchange, answer) ? VARIANT_NOT_MODIFIED
                           : answer->constant_gzip.len > 0 && accepts_gzip(exchange)
                               ? VARIANT_GZIP
                               : VARIANT_PLAIN;
    exchange->status = variant == VARIANT_NOT_MODIFIED ? 304 : answer->status;
    exchange->answer_bytes = exchange->is_head_method ? 0 : body_of(answer, variant).len;
    return variant;
}

// A body that waits for a client to read it takes memory of ours, and there may be as many of them
// as there are connections. False: there are too many now. What another method than GET has done is
// told in any case.
static bool reserve(struct http_exchange *exchange, const struct http_answer *answer)
{
    struct http_server *server = exchange->server;
    size_t bytes = answer->body == NULL ? 0 : answer->body->capacity;
    if (bytes < LARGE_BYTES)
        return true;
    size_t all = atomic_fetch_add(&server->unsent_bytes, bytes) + bytes;
    if (all > server->options.unsent_bytes && strcmp(exchange->route->method, "GET") == 0) {
        atomic_fetch_sub(&server->unsent_bytes, bytes);
        return false;
    }
    exchange->unsent_bytes = bytes;
    return true;
}

void answer_make(struct http_exchange *exchange, const struct http_answer *answer)
{
    assert(exchange->response == NULL);
    if (!reserve(exchange, answer)) {
        text_done(answer->body);
        answer_make_problem(exchange, &problem_overloaded);
        return;
    }
    enum variant variant = choose(exchange, answer);
    exchange->response = make(exchange->server, answer, variant, true);
    add_own(exchange, exchange->response);
    if (answer->body != NULL)
        text_done(answer->body); // where it was not sent
}

void answer_make_stream(struct http_exchange *exchange, struct MHD_Response *response)
{
    const struct http_answer answer = {.status = 200};
    add(response, "Content-Type", "text/event-stream");
    add_standing(exchange->server, response, &answer, false);
    add_own(exchange, response);
    exchange->response = response;
    exchange->status = 200;
}

void answer_make_preflight(struct http_exchange *exchange, const char *allowed)
{
    static const char *const fields = "Accept, Accept-Language, Authorization, Content-Type, "
                                      "Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, "
                                      "traceparent";
    char age[16];
    snprintf(age, sizeof age, "%d", PREFLIGHT_S);
    bool is_preflight = exchange->head.requested_method != NULL && allowed_origin(exchange) != NULL;
    const struct http_header headers[] = {{"Allow", allowed},
                                          {"Access-Control-Allow-Methods", allowed},
                                          {"Access-Control-Allow-Headers", fields},
                                          {"Access-Control-Max-Age", age}};
    const struct http_answer answer = {
        .status = 204, .headers = headers, .header_count = is_preflight ? ARRAY_LEN(headers) : 1};
    answer_make(exchange, &answer);
}

// ---- answers that are kept ready

struct http_fixed {
    struct http_answer answer; // its texts are copies
    struct text body;
    struct http_header *headers;
    _Atomic(struct MHD_Response *) responses[VARIANTS];
};

static char *copy_of(const char *text)
{
    return text == NULL ? NULL : mem_dup(text);
}

struct http_fixed *http_fixed_new(const struct http_answer *answer)
{
    struct http_fixed *fixed = mem_zalloc(sizeof *fixed);
    fixed->answer = *answer;
    fixed->answer.content_type = copy_of(answer->content_type);
    fixed->answer.etag = copy_of(answer->etag);
    fixed->answer.cache_control = copy_of(answer->cache_control);
    fixed->answer.content_policy = copy_of(answer->content_policy);
    fixed->headers = mem_array(answer->header_count, sizeof *fixed->headers);
    for (size_t i = 0; i < answer->header_count; i++)
        fixed->headers[i] = (struct http_header){mem_dup(answer->headers[i].name),
                                                 mem_dup(answer->headers[i].value)};
    fixed->answer.headers = fixed->headers;
    if (answer->body != NULL) {
        fixed->body = *answer->body;
        *answer->body = TEXT_INIT(fixed->body.ceiling);
        fixed->answer.body = NULL;
        fixed->answer.constant = text_bytes(&fixed->body);
    }
    return fixed;
}

static void free_text(const char *text)
{
    void *owned = (void *)(uintptr_t)text;
    mem_free_p(&owned);
}

void http_fixed_free(struct http_fixed *fixed)
{
    if (fixed == NULL)
        return;
    for (size_t i = 0; i < VARIANTS; i++)
        if (fixed->responses[i] != NULL)
            MHD_destroy_response(fixed->responses[i]);
    for (size_t i = 0; i < fixed->answer.header_count; i++) {
        free_text(fixed->headers[i].name);
        free_text(fixed->headers[i].value);
    }
    mem_free_p(&fixed->headers);
    free_text(fixed->answer.content_type);
    free_text(fixed->answer.etag);
    free_text(fixed->answer.cache_control);
    free_text(fixed->answer.content_policy);
    text_done(&fixed->body);
    mem_free_p(&fixed);
}

static struct MHD_Response *ready(struct http_fixed *fixed, const struct http_server *server,
                                  enum variant variant)
{
    struct MHD_Response *response = atomic_load(&fixed->responses[variant]);
    if (response != NULL)
        return response;
    struct MHD_Response *made = make(server, &fixed->answer, variant, false);
    if (atomic_compare_exchange_strong(&fixed->responses[variant], &response, made))
        return made;
    MHD_destroy_response(made); // another thread was faster
    return response;
}

void answer_make_fixed(struct http_exchange *exchange, struct http_fixed *fixed)
{
    assert(exchange->response == NULL);
    enum variant variant = choose(exchange, &fixed->answer);
    exchange->is_response_shared =
        exchange->extra == NULL && !must_close(exchange) &&
        (exchange->head.origin == NULL || allowed_origin(exchange) == NULL);
    if (exchange->is_response_shared) {
        exchange->response = ready(fixed, exchange->server, variant);
        return;
    }
    exchange->response = make(exchange->server, &fixed->answer, variant, false);
    add_own(exchange, exchange->response);
}
