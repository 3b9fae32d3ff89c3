// SPDX-License-Identifier: MIT
#include <assert.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/serving.h"

// A request from its first line to the answer's last byte, as libmicrohttpd calls: the request line
// (serve_target), then serve_request when the head is complete, for each piece of the body, at the
// end of it, and again when a suspended connection is resumed; then serve_completed.
//
// An answer that is queued before the body was read makes libmicrohttpd close the connection. That
// is right for a request that is malformed or too large; else an early answer is held until a small
// body was read away. After a body in chunks the connection is closed in any case, because
// libmicrohttpd reads chunk lines leniently: what follows must not be taken for a request.

enum {
    READ_AWAY_BYTES = 64 * 1024,
    BODY_STEP_BYTES = 64 * 1024, // memory is not taken for what a client only announces
};

static const char *const known_methods[] = {"GET",   "HEAD",    "POST",  "PUT",    "DELETE",
                                            "PATCH", "OPTIONS", "TRACE", "CONNECT"};

// ---- the answer goes out

static enum MHD_Result queue(struct http_exchange *exchange)
{
    int64_t deadline_ms = clock_mono_ms() + exchange->server->options.write_timeout_ms;
    watch_phase(exchange->connection, PHASE_WRITE, deadline_ms);
    struct MHD_Response *response = TAKE(exchange->response);
    enum MHD_Result result = MHD_queue_response(exchange->mhd, exchange->status, response);
    exchange->is_queued = result == MHD_YES;
    if (!exchange->is_response_shared)
        MHD_destroy_response(response);
    return result;
}

// Before the body was read: the rest of it is thrown away where it is little, else the connection
// is closed after the answer.
static enum MHD_Result refuse(struct http_exchange *exchange, bool may_keep)
{
    const struct head *head = &exchange->head;
    exchange->is_refused = true;
    if (may_keep && !head->is_chunked && head->expect == NULL &&
        head->body_bytes <= READ_AWAY_BYTES)
        return MHD_YES;
    exchange->connection->lingers = true;
    return queue(exchange);
}

static enum MHD_Result refuse_with(struct http_exchange *exchange,
                                   const struct http_problem *problem, bool may_keep)
{
    exchange->must_close = exchange->must_close || !may_keep;
    answer_make_problem(exchange, problem);
    return refuse(exchange, may_keep);
}

// Written to the socket past libmicrohttpd, which takes no answer in the middle of a body, and has
// no memory for one after a large head. It is told to close.
static enum MHD_Result refuse_past(struct http_exchange *exchange,
                                   const struct http_problem *problem)
{
    CLEANUP(text_done) struct text answer = TEXT_INIT(4096);
    problem_write_raw(exchange, problem, &answer);
    IGNORE(send(exchange->connection->fd, answer.data, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL));
    exchange->connection->lingers = true;
    exchange->status = problem->status;
    exchange->is_queued = true;
    return MHD_NO;
}

// ---- the head

void *serve_target(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *server = context;
    struct http_exchange *exchange = target_new(target);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange->server = server;
    exchange->connection = info->socket_context;
    exchange->mhd = mhd;
    exchange->target = target;
    exchange->address_bytes = exchange->connection->address_bytes;
    memcpy(exchange->address, exchange->connection->address, sizeof exchange->address);
    atomic_init(&exchange->references, 1);
    atomic_init(&exchange->state, STATE_RUNNING);
    watch_phase(exchange->connection, PHASE_HEAD,
                clock_mono_ms() + server->options.head_timeout_ms);
    return exchange;
}

static const char *known_method(const char *method)
{
    for (size_t i = 0; i < ARRAY_LEN(known_methods); i++)
        if (strcmp(known_methods[i], method) == 0)
            return known_methods[i];
    return NULL;
}

// Finds the route; else the answer is made, and false.
static bool find_route(struct http_exchange *exchange)
{
    struct http_problem problem = {.status = 501,
                                   .code = "method-unknown",
                                   .title = "The method is not known here",
                                   .detail = "The addresses' methods stand in /openapi.json."};
    struct http_header allow = {"Allow", NULL};
    if (known_method(exchange->method) == NULL) {
        answer_make_problem(exchange, &problem);
        return false;
    }
    exchange->place = routes_find(exchange->server->routes, &exchange->segments, exchange->method);
    if (exchange->place == NULL) {
        problem = (struct http_problem){.status = 404,
                                        .code = "no-such-route",
                                        .title = "There is nothing at this address",
                                        .detail = "The addresses stand in /openapi.json."};
        answer_make_problem(exchange, &problem);
        return false;
    }
    allow.value = routes_allowed(exchange->place);
    if (strcmp(exchange->method, "OPTIONS") == 0) {
        answer_make_preflight(exchange, allow.value);
        return false;
    }
    exchange->route = routes_of(exchange->place, exchange->method);
    if (exchange->route != NULL) {
        routes_cut(exchange->place, &exchange->segments);
        return true;
    }
    problem = (struct http_problem){.status = 405,
                                    .code = "method-not-allowed",
                                    .title = "The address has other methods",
                                    .detail = "Allow tells which.",
                                    .headers = &allow,
                                    .header_count = 1};
    answer_make_problem(exchange, &problem);
    return false;
}

static const struct http_problem body_too_large = {
    .status = 413,
    .code = "body-too-large",
    .title = "The body is too large",
    .detail = "The address takes less, or no body at all.",
};
static const struct http_problem body_is_coded = {
    .status = 415,
    .code = "unsupported-media-type",
    .title = "The body is of a type that we do not read",
    .detail = "No Content-Encoding is read here: send the body as it is.",
};

static const struct http_problem *check_body(const struct http_exchange *exchange)
{
    const struct head *head = &exchange->head;
    if (!head->is_chunked && head->body_bytes > exchange->route->body_bytes)
        return &body_too_large;
    if (head->is_chunked && exchange->route->body_bytes == 0)
        return &body_too_large;
    if (head->has_body && head->content_encoding != NULL &&
        strcasecmp(head->content_encoding, "identity") != 0)
        return &body_is_coded;
    return NULL;
}

static enum MHD_Result begin(struct http_exchange *exchange, const char *method,
                             const char *version)
{
    struct http_server *server = exchange->server;
    exchange->has_begun = true;
    exchange->method = method;
    exchange->is_head_method = strcmp(method, "HEAD") == 0;
    exchange->arrived_ns = clock_mono_ns();
    atomic_fetch_add(&server->open, 1);
    const struct http_problem *problem = head_check(exchange, version);
    if (problem != NULL)
        return problem->status == 431 ? refuse_past(exchange, problem)
                                      : refuse_with(exchange, problem, false);
    exchange->must_close = exchange->head.is_chunked;
    if (atomic_load(&server->is_draining))
        return refuse_with(exchange, &problem_shutting_down, false);
    if (!find_route(exchange))
        return refuse(exchange, true);
    problem = check_body(exchange);
    if (problem != NULL)
        return refuse_with(exchange, problem, problem->status != 413);
    if (exchange->route->before_body != NULL) {
        exchange->route->before_body(exchange, server->options.context);
        if (exchange->response != NULL)
            return refuse(exchange, true);
    }
    if (exchange->head.has_body)
        watch_phase(exchange->connection, PHASE_BODY,
                    exchange->arrived_ns / 1000000 + server->options.body_timeout_ms);
    return MHD_YES;
}

// ---- the body

static enum MHD_Result take_body(struct http_exchange *exchange, const char *data, size_t len)
{
    exchange->request_bytes += len;
    if (exchange->is_refused)
        return MHD_YES;
    if (len > exchange->route->body_bytes - exchange->body_len)
        return refuse_past(exchange, &body_too_large);
    size_t need = exchange->body_len + len + 1;
    if (need > exchange->body_capacity) {
        size_t whole = exchange->head.is_chunked ? 0 : (size_t)exchange->head.body_bytes + 1;
        size_t step = 2 * exchange->body_capacity;
        if (step < need)
            step = need;
        if (step < whole)
            step = whole < BODY_STEP_BYTES  ? whole
                   : step < BODY_STEP_BYTES ? BODY_STEP_BYTES
                                            : step;
        exchange->body = mem_grow(exchange->body, step, 1);
        exchange->body_capacity = step;
    }
    memcpy(exchange->body + exchange->body_len, data, len);
    exchange->body_len += len;
    exchange->body[exchange->body_len] = '\0';
    return MHD_YES;
}

// ---- the end of the request

static enum MHD_Result handle(struct http_exchange *exchange)
{
    watch_phase(exchange->connection, PHASE_WORK, NO_DEADLINE);
    exchange->was_handled = true;
    exchange->route->handler(exchange, exchange->server->options.context);
    if (exchange->was_suspended) // it is somebody else's, who may be answering already
        return MHD_YES;
    if (exchange->is_abandoned)
        return MHD_NO;
    if (exchange->response == NULL) { // a handler that forgot
        assert(!"every handler answers or suspends");
        answer_make_problem(exchange, &problem_internal);
    }
    return queue(exchange);
}

static enum MHD_Result resumed(struct http_exchange *exchange)
{
    if (atomic_load(&exchange->state) != STATE_STREAMING)
        watch_end(exchange);
    return exchange->is_abandoned ? MHD_NO : queue(exchange);
}

enum MHD_Result serve_request(void *context, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **exchange_place)
{
    (void)context, (void)mhd, (void)url;
    struct http_exchange *exchange = *exchange_place;
    if (!exchange->has_begun)
        return begin(exchange, method, version);
    if (*upload_bytes > 0) {
        size_t len = *upload_bytes;
        *upload_bytes = 0;
        return take_body(exchange, upload, len);
    }
    if (exchange->is_refused)
        return queue(exchange);
    return exchange->was_handled ? resumed(exchange) : handle(exchange);
}

static void tell_finished(const struct http_exchange *exchange, bool is_cut, int64_t now_ns)
{
    const struct http_server_options *options = &exchange->server->options;
    if (options->finished == NULL)
        return;
    const char *method = known_method(exchange->method);
    const struct http_finished finished = {
        .route = exchange->route,
        .method = method == NULL ? "other" : method,
        .status = exchange->is_queued ? exchange->status : 0,
        .duration_ns = now_ns - exchange->arrived_ns,
        .request_bytes = exchange->request_bytes,
        .answer_bytes = exchange->is_queued ? exchange->answer_bytes : 0,
        .is_cut = is_cut,
    };
    options->finished(options->context, &finished);
}

void serve_completed(void *context, struct MHD_Connection *mhd, void **exchange_place,
                     enum MHD_RequestTerminationCode how)
{
    (void)mhd;
    struct http_server *server = context;
    struct http_exchange *exchange = TAKE(*exchange_place);
    if (exchange == NULL)
        return;
    int64_t now_ns = clock_mono_ns();
    watch_phase(exchange->connection, PHASE_IDLE,
                now_ns / 1000000 + server->options.idle_timeout_ms);
    bool is_streaming = atomic_load(&exchange->state) == STATE_STREAMING;
    if (exchange->was_suspended || is_streaming)
        watch_end(exchange);
    if (is_streaming)
        stream_over(exchange);
    if (exchange->response != NULL && !exchange->is_response_shared)
        MHD_destroy_response(TAKE(exchange->response)); // never queued
    bool has_begun = exchange->has_begun;
    if (has_begun)
        tell_finished(exchange, how != MHD_REQUEST_TERMINATED_COMPLETED_OK, now_ns);
    if (exchange->unsent_bytes > 0)
        atomic_fetch_sub(&server->unsent_bytes, exchange->unsent_bytes);
    exchange_release(exchange);
    if (has_begun && atomic_fetch_sub(&server->open, 1) == 1 && atomic_load(&server->is_draining)) {
        pthread_mutex_lock(&server->lock);
        pthread_cond_broadcast(&server->moved);
        pthread_mutex_unlock(&server->lock);
    }
}
