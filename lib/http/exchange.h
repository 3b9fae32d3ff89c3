// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "http/header.h"
#include "http/server.h"

// A request and the answer to it. The exchange is the server's until its handler calls http_suspend
// or http_stream; then it is the program's, which ends it exactly once, from any thread, by
// http_answer, http_answer_problem, http_answer_fixed, http_stream_end or http_abandon: also where
// the client has gone, and also after http_server_stop. Its end invalidates the pointer. One thread
// at a time per exchange.

// ---- what was asked; lives as long as the exchange, but for headers

const struct http_route *http_route_of(const struct http_exchange *exchange);
const char *http_method(const struct http_exchange *exchange); // "HEAD" of a HEAD
const char *http_path(const struct http_exchange *exchange);   // as it came, without the query

// The segment that stands at {name} in the route's path, decoded: not empty, valid UTF-8, no
// control characters, no '/' nor '\'. `name` must be in the path. NUL behind it.
struct bytes http_param(const struct http_exchange *exchange, const char *name);

// The query's pairs in their order, decoded ('+' is a blank); valid UTF-8 without control
// characters, 64 pairs at most, else the server has refused. NUL behind each.
struct http_pair {
    struct bytes name, value;
};
size_t http_query_count(const struct http_exchange *exchange);
struct http_pair http_query_at(const struct http_exchange *exchange, size_t at);
// How often the name is there; *ret is the first one's value where it is.
size_t http_query(const struct http_exchange *exchange, const char *name, struct bytes *ret);

// The value of the first header line of this name and how many there are. Only until the handler
// returns or the exchange is suspended: copy what is needed longer.
const char *http_header(const struct http_exchange *exchange, const char *name); // NULL: none
size_t http_header_count(const struct http_exchange *exchange, const char *name);

struct bytes http_body(const struct http_exchange *exchange);  // NUL behind it
int64_t http_arrived_ns(const struct http_exchange *exchange); // the head's end, clock_mono_ns

#define HTTP_PEER_MAX 48
// The client's address (or a proxy's): in numbers and words; 4 bytes, or 16 of IPv6.
const char *http_peer(const struct http_exchange *exchange, char out[HTTP_PEER_MAX]);
struct bytes http_peer_address(const struct http_exchange *exchange);

// Memory for the program, 16-byte aligned and zero at first; freed with the exchange.
#define HTTP_SCRATCH_BYTES 256
void *http_scratch(struct http_exchange *exchange);

// ---- answering

// A header of the answer that will be given, whichever it is; both are copied. For RateLimit,
// Preference-Applied and the like. At most 8 of 512 bytes in all, more are left out.
void http_add_header(struct http_exchange *exchange, const char *name, const char *value);

struct http_answer {
    unsigned status;
    const char *content_type;          // NULL: no body
    struct text *body;                 // taken, and left empty; or NULL and
    struct bytes constant;             // not copied: lives longer than the server
    struct bytes constant_gzip;        // the same as a gzip file, for who accepts it; len 0: none
    const char *etag;                  // with its quotes; a GET that has it gets 304; NULL: none
    const char *cache_control;         // NULL: "no-store"
    const char *content_policy;        // Content-Security-Policy; NULL: "default-src 'none';
                                       // frame-ancestors 'none'"
    const struct http_header *headers; // others, as Location or Retry-After
    size_t header_count;
};

// Everything but `body` and the constants is borrowed for the call.
void http_answer(struct http_exchange *exchange, const struct http_answer *answer);

// An answer that is given often, made once: headers and all are kept ready, so that it costs next
// to nothing. Made and freed by the program; one server; freed after http_server_stop. Thread-safe.
struct http_fixed;
struct http_fixed *http_fixed_new(const struct http_answer *answer); // copies all but the constants
void http_fixed_free(struct http_fixed *fixed);
DEFINE_CLEANUP(struct http_fixed, http_fixed_free)
void http_answer_fixed(struct http_exchange *exchange, struct http_fixed *fixed);

// RFC 9457: application/problem+json with "type": "/docs#problem-<code>", "title", "status",
// "detail", "code" and, where they are there, "instance" and "errors": [{"field", "code",
// "detail"}].
struct http_field_error {
    const char *field, *code, *detail; // field: a path, "attributes.Age"
};
struct http_problem {
    unsigned status;
    const char *code;     // "employee-left": lower case, letters and '-'
    const char *title;    // a few words that are the code's
    const char *detail;   // a sentence for this case; NULL: the title
    const char *instance; // NULL: none
    const struct http_field_error *errors;
    size_t error_count;
    int64_t retry_after_s;             // 0: no Retry-After
    const struct http_header *headers; // others, as WWW-Authenticate
    size_t header_count;
};
void http_answer_problem(struct http_exchange *exchange, const struct http_problem *problem);
// The same as an answer that is kept ready.
struct http_fixed *http_fixed_problem(const struct http_problem *problem);

// ---- later

// Told once, on a thread of the server's own, where the client of a suspended or streaming exchange
// has closed the connection (half of it is enough) or the server was stopped: nobody will read the
// answer. The exchange must be ended all the same. It may come while another thread ends the
// exchange, and shortly after: what `tag` names must be looked up under a lock of the program's,
// and may be gone. It must not block.
typedef void http_gone(void *context, uint64_t tag);

// In a handler: the exchange is now the program's; the handler must not touch it any more once
// another thread may see it.
void http_suspend(struct http_exchange *exchange, http_gone *gone, uint64_t tag);

// Ends it without an answer: the connection is closed.
void http_abandon(struct http_exchange *exchange);

// ---- server-sent events (WHATWG HTML, 9.2)

// Begins to answer with 200 and text/event-stream, in a handler or later; in a handler the exchange
// is then the program's. At most `buffer_bytes` wait for the client. `gone` and `tag` as of
// http_suspend; where it was suspended before, they replace those.
void http_stream(struct http_exchange *exchange, size_t buffer_bytes, http_gone *gone,
                 uint64_t tag);
// One event; every line of `data` becomes a data line; event and id may be NULL. ERR_RETRY: the
// client has not read enough, nothing of it was taken. ERR_REJECT: it is larger than the buffer.
// ERR_STOP: the client has gone.
MUST_CHECK enum err http_stream_event(struct http_exchange *exchange, const char *event,
                                      const char *id, struct bytes data);
// A comment, which keeps proxies from closing a stream that is silent. Verdicts as above.
MUST_CHECK enum err http_stream_comment(struct http_exchange *exchange, const char *comment);
void http_stream_end(struct http_exchange *exchange); // after what is buffered
