// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"

// The operations port of a daemon: GET /metrics (Prometheus text), /livez (the process answers) and
// /readyz (200, or 503 with the reason). Runs on a thread of its own; the callbacks are called
// there.

struct ops_options {
    const char *address; // numeric: "127.0.0.1", "0.0.0.0", "::1"
    uint16_t port;       // 0: no server
    struct metrics *metrics;
    bool (*is_ready)(void *context, struct why *why);
    void *context;
    void (*measure)(void *context); // sets gauges before /metrics is written; NULL: none to set
};

struct ops_server;

// *ret NULL where the port is 0. ERR_FATAL: the address cannot be used or the port is taken.
MUST_CHECK enum err ops_start(const struct ops_options *options, struct ops_server **ret,
                              struct why *why);
void ops_stop(struct ops_server *server);
DEFINE_CLEANUP(struct ops_server, ops_stop)
