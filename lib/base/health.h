// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/err.h"
#include "base/metrics.h"

// Whether a lane can work, for the operations port, and its waits for what is out of reach. Lives
// inside the lane; its thread calls everything but health_is_ready, which any thread may call.

struct health {
    const char *name; // of the lane, in log lines and sentences
    struct metrics *metrics;
    size_t waits;
    struct backoff backoff;
    atomic_llong turned_ms; // when the thread came by last
    pthread_mutex_t lock;
    bool is_ready;
    struct why unready;
};

// `name` is borrowed. `waits`: the id of the counter of waits, with the lane and what it waits for
// as its labels.
void health_init(struct health *health, const char *name, struct metrics *metrics, size_t waits);
void health_done(struct health *health);

// The thread comes by: called once a turn.
void health_turn(struct health *health);
// NULL: ready. Otherwise why not.
void health_set(struct health *health, const struct why *unready);
// False with the reason, also where the thread has been inside one call for long.
bool health_is_ready(struct health *health, struct why *why);

// A call that waits by itself tells that it still does: said, counted, and the lane is unready.
void health_tell(struct health *health, const char *what, const struct why *cause);
// One more failure of something that is out of reach (`what`: "kafka", "postgresql"): says so now
// and then, counts it, makes the lane unready. Gives how long to wait now.
int64_t health_back_off(struct health *health, const char *what, const struct why *cause);
// The same, and waits so long. ERR_STOP: the program stops.
MUST_CHECK enum err health_wait(struct health *health, const char *what, const struct why *cause);
// It works: ready, and the next failure is the first again.
void health_works(struct health *health);
