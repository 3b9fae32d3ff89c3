// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// An HTTP/1.1 server (RFC 9112) for few routes and many connections: a table of routes, handlers
// that answer at once or later from any thread, and bounds for every size and every wait of a
// client. Requests that two readers could understand differently are refused with 400 and their
// connection is closed: bare LF, NUL, folded headers, Transfer-Encoding beside Content-Length,
// either of them or Host twice, and so on. TLS is a reverse proxy's. What handlers see and say is
// in http/exchange.h.
//
// The server itself answers 400 for what is malformed, 404, 405 (with Allow), HEAD of each GET,
// OPTIONS, CORS preflights, 413, 414, 415 of a content coding, 417, 431, 501, 503 while it drains
// or where clients read too slowly, and 304. All but what libmicrohttpd's parser refuses by itself
// (a request line or a head too large for its memory) is application/problem+json, as
// http_answer_problem makes it.

struct http_exchange;

// Runs on a thread of the server and must not block: other connections wait for it. It calls one of
// http_answer, http_answer_problem, http_answer_fixed, http_suspend or http_stream before it
// returns.
typedef void http_handler(struct http_exchange *exchange, void *context);

struct http_route {
    const char *method; // "GET", "POST", "PUT", "PATCH" or "DELETE"; HEAD and OPTIONS are made
    const char *path;   // "/employees/{id}/predictions": a {name} stands for one whole segment
    http_handler *handler;
    // Called before the body is read, or NULL: may answer, and then the body is not read and the
    // connection closes after it; may not suspend. For refusals that should not wait for megabytes.
    http_handler *before_body;
    size_t body_bytes; // the greatest body; more is a 413; 0: any body is too large
    unsigned flags;    // the program's, as `data`
    const void *data;
};

// One exchange that is over, for metrics. Called on the server's threads.
struct http_finished {
    const struct http_route *route; // NULL: none was found, or none was looked for
    const char *method;             // "GET" ...; "other" where it is no method of RFC 9110
    unsigned status;                // 0: the client had gone before there was an answer
    int64_t duration_ns;            // from the end of the request's head to the end of the answer
    size_t request_bytes;           // of the body
    uint64_t answer_bytes;          // of the body
    bool is_cut;                    // the client went, or was too slow, before the answer's end
};

struct http_server_options {
    const char *address;             // numeric: "127.0.0.1", "0.0.0.0", "::1"
    uint16_t port;                   // 0: a free one, see http_server_port
    unsigned threads;                // 0: 2
    const struct http_route *routes; // borrowed while the server lives
    size_t route_count;
    void *context; // of the handlers and callbacks
    void (*finished)(void *context, const struct http_finished *finished); // NULL: nobody asks

    // Where pages of other origins may call from: "https://hr.example.org", without a path. They
    // may send Authorization, but no cookies: credentials are never allowed.
    const char *const *origins; // borrowed while the server lives
    size_t origin_count;
    int64_t hsts_s; // Strict-Transport-Security on every answer, where a proxy speaks TLS; 0: none

    size_t head_bytes;        // of a request line and its headers, 64 more for each header line
                              // and each pair of the query; 0: 8 KiB
    size_t headers_max;       // header lines; 0: 100
    size_t connections_max;   // 0: 8,192. The limit of open files is raised to fit
    size_t per_address_max;   // connections of one client address; 0: any number
    size_t unsent_bytes;      // of all large bodies made for one client each, until they are sent;
                              // what would be more is a 503; 0: 32 MiB
    int64_t head_timeout_ms;  // from a connection's first moment to its first head's end; 0: 10 s
    int64_t body_timeout_ms;  // from the head's end to the body's; 0: 30 s
    int64_t write_timeout_ms; // from the answer to its last byte (a stream: of what it buffers);
                              // 0: 30 s
    int64_t idle_timeout_ms;  // of a kept connection without a request; 0: 60 s
};

struct http_server;

// Asserts that the table is sound. ERR_FATAL: the address cannot be used, the port is taken, the
// limit of open files cannot be raised.
MUST_CHECK enum err http_server_start(const struct http_server_options *options,
                                      struct http_server **ret, struct why *why);
uint16_t http_server_port(const struct http_server *server);

// Exchanges that have begun and are not over: running, suspended, streaming or being written.
size_t http_server_open(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);

// Takes no further connection, answers 503 to requests that still come, and waits until every
// exchange is over, `wait_ms` at most; whoever owns suspended ones goes on answering. What is left
// then is told by its http_gone and answered with 503. Returns false where there was such a rest.
// One thread, not one of the server's.
bool http_server_drain(struct http_server *server, int64_t wait_ms);

// Drains without a wait, where that was not done, and ends. Exchanges that the program still owns
// stay valid until it ends them, which then does nothing else.
void http_server_stop(struct http_server *server);
DEFINE_CLEANUP(struct http_server, http_server_stop)
