// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// A blocking HTTP client with every wait and every size bounded: http and https only, no redirects,
// certificates always verified (TLS 1.2 and later), no proxy but one that is set. One thread at a
// time per client; connections are kept between requests.

struct http_options {
    const char *user, *password; // basic authentication; NULL or "": none
    const char *token;           // bearer token, instead; NULL or "": none
    const char *ca_file;         // CA certificates to trust; NULL or "": the system's
    const char *proxy;           // NULL or "": none, whatever the environment says
    int64_t connect_timeout_ms;  // 0: 3 s
    int64_t timeout_ms;          // of a whole request; 0: 10 s
};

struct http_client;

MUST_CHECK enum err http_client_new(const struct http_options *options, struct http_client **ret,
                                    struct why *why);
void http_client_free(struct http_client *client);
DEFINE_CLEANUP(struct http_client, http_client_free)

struct http_request {
    const char *method; // "GET", "POST", "PUT"
    const char *url;
    const char *content_type; // with a body
    const char *accept;       // NULL: anything
    struct bytes body;        // data NULL: none
};

// Sends the request and reads the answer into `ret_body` (cleared first; its ceiling bounds the
// answer). ERR_OK: there is an answer with *ret_status, whatever it says. ERR_RETRY: no connection,
// time out, broken answer. ERR_STOP: the program stops. ERR_REJECT: the answer is over the ceiling.
// ERR_FATAL: a URL that cannot be used, a certificate that is not trusted. Sentences never hold a
// user, password or token, not even those inside a URL.
MUST_CHECK enum err http_send(struct http_client *client, const struct http_request *request,
                              long *ret_status, struct text *ret_body, struct why *why);
