// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "base/err.h"
#include "base/metrics.h"
#include "pending.h"

// The rows of http_request, written in batches by a thread with a connection of its own: a call
// waits for its row only before a 202. Any thread puts rows in.

struct rows_options {
    const char *url;
    struct metrics *metrics;
    struct pending *pending; // is told of what is stored
};

struct rows;

MUST_CHECK enum err rows_start(const struct rows_options *options, struct rows **ret,
                               struct why *why);
// Writes what waits, for `wait_ms` at most. NULL is accepted.
void rows_stop(struct rows *rows, int64_t wait_ms);

// Holds the ask until its row is stored. Where too many wait already (PostgreSQL is away or slow)
// the row is left to the recorder, who makes it of the reply, and nothing is promised to the call.
void rows_put(struct rows *rows, struct ask *ask);
