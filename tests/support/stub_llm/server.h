// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "forbid.h"
#include "later.h"
#include "script.h"

// The HTTP side: judges a call, draws what it gets from the script, answers it in its time. It has
// one thread of its own. What it puts into `later` are calls, which the owner fires (call.h); the
// owner accepts the connections, too, so that a script can have them refused.

struct server_options {
    const char *tls_cert, *tls_key; // PEM; NULL: plain HTTP
    const struct forbid *forbid;    // NULL: nothing
    int64_t latency_min_ms, latency_max_ms;
    uint64_t latency_seed;
    size_t keep; // requests
    struct later *later;
};

struct server;

// Takes *script. ERR_FATAL: the HTTP library does not start.
MUST_CHECK enum err server_start(const struct server_options *options, struct script **script,
                                 struct server **ret, struct why *why);
// After later_close, and after all that was left in `later` was fired.
void server_stop(struct server *server);

void server_add_connection(struct server *server, int fd); // takes the socket
