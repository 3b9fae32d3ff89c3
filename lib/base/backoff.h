// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// Waits between tries: doubling from `first_ms` up to `most_ms`, each drawn from the upper half of
// its step so that many processes do not return together. Plain memory, one thread.

struct backoff {
    int64_t first_ms;
    int64_t most_ms;
    int64_t step_ms; // 0: nothing failed yet
    uint64_t state;
    unsigned tries; // failures in a row
};

void backoff_init(struct backoff *backoff, int64_t first_ms, int64_t most_ms);
int64_t backoff_next_ms(struct backoff *backoff); // one more failure: how long to wait now
void backoff_reset(struct backoff *backoff);      // it worked

// A wait from 0 to `most_ms`, both possible, each as likely; `state` is any number and moves on.
int64_t backoff_draw_ms(uint64_t *state, int64_t most_ms);
