// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/metrics.h"
#include "pool.h"
#include "store/pg.h"

// Questions to PostgreSQL, on a few connections with a thread each. What waits for them is bounded;
// where the server is away they fail at once. Any thread may ask.

struct database_job {
    struct pool_job job;
    // The question: on a connection's thread. Called again where the connection was lost in it, so
    // it must be one that may be asked twice, and starts anew each time.
    enum err (*ask)(struct database_job *job, struct pg *pg, struct why *why);
    // What came of it, once, on the same thread: ERR_RETRY where there is no connection. Frees what
    // the job is part of, or asks on.
    void (*then)(struct database_job *job, enum err err, const struct why *why);
};

struct database_options {
    const char *url;
    size_t connections;
    size_t queue_max;
    struct metrics *metrics;
};

struct database;

MUST_CHECK enum err database_open(const struct database_options *options, struct database **ret,
                                  struct why *why);
// Answers what waits, then ends the connections: what is asked later is told ERR_STOP. NULL is
// accepted, here and below.
void database_stop(struct database *database);
void database_free(struct database *database);

// False: too many wait; nothing was taken.
MUST_CHECK bool database_ask(struct database *database, struct database_job *job);
// From within `then`, or for what was let in already: always taken.
void database_ask_on(struct database *database, struct database_job *job);
size_t database_waiting(struct database *database);
// False, with a sentence, where the last question found no connection. Any thread.
bool database_is_there(struct database *database, struct why *why);
