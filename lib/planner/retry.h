// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

// When a call that failed is tried again, by the process that made it: at most 4 tries that begin
// within 60 s of the first. The wait is drawn from 0 up to a step that doubles from 1 s to 30 s
// ("full jitter", AWS Architecture Blog 2015); where the server named a delay it is that and up to
// a fifth more, never less. Plain memory, one thread. Times are monotonic milliseconds.

enum {
    RETRY_TRIES_MAX = 4,
    RETRY_WITHIN_MS = 60000,
    RETRY_STEP_FIRST_MS = 1000,
    RETRY_STEP_MOST_MS = 30000,
};

struct retry {
    int64_t first_ms; // when the first try began
    unsigned failures;
    uint64_t random;
};

// `seed`: any number, another one for every call.
void retry_init(struct retry *retry, uint64_t seed, int64_t now_ms);
// A try has failed; `delay_ms` is what the server asked for, 0: nothing. True: the next may begin
// at *ret_at_ms. False: there is none.
bool retry_next(struct retry *retry, int64_t delay_ms, int64_t now_ms, int64_t *ret_at_ms);
