// SPDX-License-Identifier: MIT
#include "http/exchange.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/serving.h"

// An exchange has up to three owners, who drop their references in any order: the server, until
// libmicrohttpd is done with the request; the program, from http_suspend or http_stream until it
// ends the exchange; and the response of a stream. Who answers is settled by one atomic change of
// state from STATE_SUSPENDED: the program gets to STATE_ANSWERED, or the server to STATE_CUT, and
// the other one only drops its reference. libmicrohttpd's connection cannot go away before it is
// resumed, so whoever won may still read the request's headers.

// ---- what was asked

const struct http_route *http_route_of(const struct http_exchange *exchange)
{
    return exchange->route;
}

const char *http_method(const struct http_exchange *exchange)
{
    return exchange->is_head_method ? "HEAD" : exchange->route->method;
}

const char *http_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

struct bytes http_param(const struct http_exchange *exchange, const char *name)
{
    return routes_param(exchange->place, exchange->route, &exchange->segments, name);
}

size_t http_query_count(const struct http_exchange *exchange)
{
    return exchange->query_count;
}

struct http_pair http_query_at(const struct http_exchange *exchange, size_t at)
{
    assert(at < exchange->query_count);
    return exchange->query[at];
}

size_t http_query(const struct http_exchange *exchange, const char *name, struct bytes *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < exchange->query_count; i++)
        if (bytes_equal_string(exchange->query[i].name, name) && count++ == 0)
            *ret = exchange->query[i].value;
    return count;
}

const char *http_header(const struct http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

struct counting {
    const char *name;
    size_t len, count;
};

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *name,
                                    size_t len, const char *value, size_t value_len)
{
    (void)kind, (void)value, (void)value_len;
    struct counting *counting = context;
    if (len == counting->len && strncasecmp(name, counting->name, len) == 0)
        counting->count++;
    return MHD_YES;
}

size_t http_header_count(const struct http_exchange *exchange, const char *name)
{
    struct counting counting = {.name = name, .len = strlen(name)};
    MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, count_header, &counting);
    return counting.count;
}

struct bytes http_body(const struct http_exchange *exchange)
{
    return exchange->body == NULL ? bytes_of("", 0) : bytes_of(exchange->body, exchange->body_len);
}

int64_t http_arrived_ns(const struct http_exchange *exchange)
{
    return exchange->arrived_ns;
}

struct bytes http_peer_address(const struct http_exchange *exchange)
{
    return bytes_of(exchange->address, exchange->address_bytes);
}

const char *http_peer(const struct http_exchange *exchange, char out[HTTP_PEER_MAX])
{
    int family = exchange->address_bytes == 4 ? AF_INET : AF_INET6;
    if (inet_ntop(family, exchange->address, out, HTTP_PEER_MAX) == NULL)
        out[0] = '\0';
    return out;
}

void *http_scratch(struct http_exchange *exchange)
{
    return exchange->scratch;
}

// ---- whose it is

void exchange_release(struct http_exchange *exchange)
{
    if (atomic_fetch_sub_explicit(&exchange->references, 1, memory_order_acq_rel) != 1)
        return;
    stream_free(exchange->stream);
    mem_free_p(&exchange->extra);
    mem_free_p(&exchange->body);
    mem_free_p(&exchange);
}

void http_suspend(struct http_exchange *exchange, http_gone *gone, uint64_t tag)
{
    assert(atomic_load(&exchange->state) == STATE_RUNNING && exchange->response == NULL);
    assert(exchange->was_handled); // and not before the body
    exchange->gone = gone;
    exchange->tag = tag;
    exchange->was_suspended = true;
    atomic_fetch_add(&exchange->references, 1);
    atomic_fetch_add(&exchange->server->suspended, 1);
    MHD_suspend_connection(exchange->mhd);
    watch_begin(exchange, STATE_SUSPENDED);
}

// True where the caller is the one who answers; else the reference was dropped.
static bool claim(struct http_exchange *exchange)
{
    int expected = STATE_SUSPENDED;
    if (atomic_load(&exchange->state) == STATE_RUNNING ||
        atomic_compare_exchange_strong(&exchange->state, &expected, STATE_ANSWERED))
        return true;
    assert(expected == STATE_CUT);
    exchange_release(exchange);
    return false;
}

void exchange_resume(struct http_connection *connection, struct MHD_Connection *mhd)
{
    struct http_server *server = connection->server;
    worker_resume(connection, mhd); // from here on the connection may go
    atomic_fetch_sub(&server->suspended, 1); // and from here on the server
}

// The answer is there: the server's thread, which is in the handler, will see it; or is told.
static void settle(struct http_exchange *exchange)
{
    if (atomic_load(&exchange->state) == STATE_RUNNING)
        return;
    struct http_connection *connection = exchange->connection;
    struct MHD_Connection *mhd = exchange->mhd;
    exchange_release(exchange);
    exchange_resume(connection, mhd);
}

bool exchange_cut(struct http_exchange *exchange)
{
    int expected = STATE_SUSPENDED;
    if (!atomic_compare_exchange_strong(&exchange->state, &expected, STATE_CUT))
        return false;
    answer_make_problem(exchange, &problem_shutting_down);
    exchange_resume(exchange->connection, exchange->mhd);
    return true;
}

// ---- answering

void http_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
    if (exchange->extra == NULL)
        exchange->extra = mem_zalloc(sizeof *exchange->extra);
    struct extra_headers *extra = exchange->extra;
    size_t name_bytes = strlen(name) + 1, value_bytes = strlen(value) + 1;
    if (extra->count == ARRAY_LEN(extra->headers) ||
        name_bytes + value_bytes > sizeof extra->text - extra->len)
        return;
    char *copy = extra->text + extra->len;
    memcpy(copy, name, name_bytes);
    memcpy(copy + name_bytes, value, value_bytes);
    extra->headers[extra->count++] = (struct http_header){copy, copy + name_bytes};
    extra->len += name_bytes + value_bytes;
}

void http_answer(struct http_exchange *exchange, const struct http_answer *answer)
{
    if (!claim(exchange)) {
        if (answer->body != NULL)
            text_done(answer->body);
        return;
    }
    answer_make(exchange, answer);
    settle(exchange);
}

void http_answer_fixed(struct http_exchange *exchange, struct http_fixed *fixed)
{
    if (!claim(exchange))
        return;
    answer_make_fixed(exchange, fixed);
    settle(exchange);
}

void http_answer_problem(struct http_exchange *exchange, const struct http_problem *problem)
{
    if (!claim(exchange))
        return;
    answer_make_problem(exchange, problem);
    settle(exchange);
}

void http_abandon(struct http_exchange *exchange)
{
    if (!claim(exchange))
        return;
    exchange->is_abandoned = true;
    settle(exchange);
}
