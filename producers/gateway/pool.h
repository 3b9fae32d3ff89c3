// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

// A few threads and the jobs that wait for them, bounded: what is slow (questions to PostgreSQL,
// passwords) is done here, so that the server's threads never wait. Any thread may put a job in.

// The first member of what the job is about; its owner frees it, in or after `run`.
struct pool_job {
    struct pool_job *next;
    void (*run)(struct pool_job *job, void *worker); // on a thread of the pool, once
};

struct pool_options {
    size_t threads;
    size_t queue_max; // jobs that wait beside those that run
    // Each thread's own: made and freed there. NULL: none.
    void *(*enter)(void *context);
    void (*leave)(void *worker);
    void *context;
};

struct pool;

MUST_CHECK enum err pool_start(const struct pool_options *options, struct pool **ret,
                               struct why *why);
// Runs what waits, ends the threads, and takes nothing any more. NULL is accepted, here and below.
void pool_stop(struct pool *pool);
void pool_free(struct pool *pool); // stops it first
DEFINE_CLEANUP(struct pool, pool_free)

// False: too many wait, or the pool has stopped; the job is the caller's still.
MUST_CHECK bool pool_put(struct pool *pool, struct pool_job *job);
// The same, also where too many wait: for the next step of what was let in already.
MUST_CHECK bool pool_put_on(struct pool *pool, struct pool_job *job);
size_t pool_waiting(struct pool *pool);
