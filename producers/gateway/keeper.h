// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

// What is done at a time rather than for a call: waits that are over, what is to be looked at again
// in a moment, keys and revocations as the tables have them, leases, cleaning. A thread that never
// waits for a server: questions go to the database's connections.

struct gateway;

// Something that is done once, at its time, on the keeper's thread. Its owner keeps it until then.
struct keeper_later {
    struct keeper_later *next;
    int64_t at_ms; // monotonic
    void (*run)(struct keeper_later *later);
};

struct keeper;

// Reads the keys and the revocations (and makes the first key where there is none) before it
// returns: ERR_RETRY: not now. ERR_FATAL: the keys cannot be opened with this SECRET_KEY.
struct pg;
MUST_CHECK enum err keeper_first_look(struct gateway *gateway, struct pg *pg, struct why *why);

MUST_CHECK enum err keeper_start(struct gateway *gateway, struct keeper **ret, struct why *why);
// What is still to come at its time is run at once, and what comes then at once, too.
void keeper_stop(struct keeper *keeper);
// After the database has stopped, which may have a job of its.
void keeper_free(struct keeper *keeper);

enum { REPLY_LEASE_MS = 30000 };

// Any thread.
void keeper_add(struct keeper *keeper, struct keeper_later *later, int64_t at_ms);
// Which partition of the reply topics is leased, to renew it.
void keeper_set_lease(struct keeper *keeper, const char *holder, int32_t partition);
// False, with a sentence, where keys and revocations were not read for some time. Any thread.
bool keeper_is_fresh(struct keeper *keeper, struct why *why);
