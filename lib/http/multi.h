// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "http/header.h"

// Many HTTP calls at once from one thread, every wait and every size bounded: certificates always
// verified (TLS 1.2 and later), no redirects, no proxy but one that is set, HTTP/1.1 with a
// connection a call, kept between calls. A call is sent at most once: where a kept connection turns
// out to be closed before the answer, the call fails, because what the server did is not known. One
// thread per object, but for http_multi_wake.

struct http_multi_options {
    const char *ca_file;        // CA certificates to trust; NULL or "": the system's
    const char *proxy;          // NULL or "": none, whatever the environment says
    int64_t connect_timeout_ms; // 0: 5 s
    int64_t slow_answer_ms;     // an answer that has begun and then goes on with less than 100
                                // bytes a second for so long is given up; 0: 10 s; whole seconds
    size_t calls_max;           // in flight, and connections; 0: 256
    int64_t gather_ms;          // after answers were told others wait so long, to be told together:
                                // a thread that wakes once for many does less; 0: at once
    bool allows_http;           // http:// too, not only https://
};

struct http_multi;

MUST_CHECK enum err http_multi_new(const struct http_multi_options *options,
                                   struct http_multi **ret, struct why *why);
void http_multi_free(struct http_multi *multi); // calls in flight are cancelled
DEFINE_CLEANUP(struct http_multi, http_multi_free)

// Borrowed for the length of http_multi_start; `body` too, it is copied.
struct http_call {
    const char *method; // "GET", "POST", "PUT"
    const char *url;
    const struct http_header *headers;
    size_t header_count;
    struct bytes body;   // data NULL: none
    int64_t timeout_ms;  // of the whole call; 0: 30 s
    size_t answer_bytes; // ceiling of the answer's body; 0: 256 KiB
};

// Begins a call, and sends it as far as that needs no wait; its end is told by http_multi_poll
// under `tag`, which must be no other call's in flight. ERR_RETRY (code "calls-full"): calls_max
// are in flight. ERR_FATAL: a URL with another scheme, a header that cannot be sent.
MUST_CHECK enum err http_multi_start(struct http_multi *multi, const struct http_call *call,
                                     void *tag, struct why *why);

// A call that ended. What it points to lives until the next http_multi_poll or http_multi_free.
struct http_done {
    void *tag;
    // ERR_OK: there is an answer with `status`, whatever it says, a 3xx too. ERR_RETRY: no
    // connection, time out, cut or broken answer. ERR_REJECT: an answer over its ceiling
    // ("answer-too-large"), or in a content coding, none of which is asked for ("answer-encoded").
    // ERR_FATAL: a URL that cannot be used, a certificate that is not trusted or another host's.
    enum err err;
    struct why why; // where err is not ERR_OK; never a header's value, nor a URL's user or query
    long status;
    struct bytes body;
    const char *retry_after, *content_type; // as they came; "" where absent, long or not printable
};

// Drives the calls until one has ended, http_multi_wake was called or `wait_ms` are over, and gives
// the calls that ended, `max` at most; what is left is given by the next poll. The first time that
// the program stops this returns early, too; from then on it waits again, so that the caller may
// let calls end or cancel them. ERR_FATAL: libcurl cannot go on.
MUST_CHECK enum err http_multi_poll(struct http_multi *multi, int64_t wait_ms,
                                    struct http_done *done, size_t max, size_t *ret_count,
                                    struct why *why);

// Ends the wait of http_multi_poll, now or the next time; any thread.
void http_multi_wake(struct http_multi *multi);

// Ends the call in flight of this tag, which is then never told; closes its connection. False where
// there is none, also where it has ended and was told.
bool http_multi_cancel(struct http_multi *multi, const void *tag);

// Calls in flight, with those that ended and were not told yet.
size_t http_multi_in_flight(const struct http_multi *multi);
