// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "base/metrics.h"

// The calls that wait for their result, bounded. However a call ends (the result comes, its wait is
// over, its record is lost), its exchange is given away exactly once, under the lock of the table,
// and answered by whoever got it. Any thread.

struct pending_options {
    size_t most;
    struct metrics *metrics;
    // Answers an exchange that got no result: never with DECIDE_WAIT or DECIDE_RESULT. Called
    // without the lock.
    void (*answer)(void *context, const struct ask *ask, struct http_exchange *exchange,
                   enum decide_answer answer);
    void *context;
};

struct pending;

struct pending *pending_new(const struct pending_options *options);
void pending_free(struct pending *pending); // nothing waits in it any more
DEFINE_CLEANUP(struct pending, pending_free)

// Before its record is sent. False: the table is full (or closed), nothing was taken. Otherwise the
// ask is held by the table, and the exchange, which is suspended, is the table's.
MUST_CHECK bool pending_add(struct pending *pending, struct ask *ask,
                            struct http_exchange *exchange);

// What became of the record (`unsent` says why it was not acknowledged); of the row.
void pending_acknowledged(struct pending *pending, struct ask *ask);
void pending_unsent(struct pending *pending, struct ask *ask, enum ask_unsent unsent);
void pending_stored(struct pending *pending, struct ask *ask);

// The result is here: the exchange of the call that waits for it, with the ask, which the caller
// drops. NULL: nobody waits here for it (any more).
struct http_exchange *pending_take(struct pending *pending, struct bytes id, struct ask **ret);

// Answers those whose wait is over; every SLOT_MS or so.
void pending_look(struct pending *pending, int64_t now_ms);
// No further ones, and those that wait for more than `due_ms` do not: before the end of the
// program.
void pending_close(struct pending *pending, int64_t due_ms);
// Answers all that wait with what is known now.
void pending_end(struct pending *pending);
size_t pending_count(struct pending *pending);
