// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planner/window.h"

// A circuit breaker (Nygard, Release It!): opens when half of the calls of the last minute failed,
// of at least ten; after a wait one call goes through as a probe. Where that works it is closed
// again, where it fails it waits twice as long, from 5 s up to 5 min. Plain memory, one thread.
// Times are monotonic milliseconds.

enum {
    BREAKER_CALLS_MIN = 10,
    BREAKER_WAIT_FIRST_MS = 5000,
    BREAKER_WAIT_MOST_MS = 300000,
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };
enum breaker_result {
    BREAKER_WORKED,
    BREAKER_FAILED,
    BREAKER_NO_RESULT, // the call was given up by us and says nothing
};

struct breaker {
    enum breaker_state state;
    int64_t open_until_ms; // where BREAKER_OPEN: then a probe may go
    int64_t wait_ms;       // how long it was opened for last
    struct window results;
};

void breaker_init(struct breaker *breaker);
const char *breaker_state_name(enum breaker_state state); // "closed", "open", "half-open"
// 0: a call may start; else how long it waits, INT64_MAX where it is for the probe's end.
int64_t breaker_wait_ms(const struct breaker *breaker, int64_t now_ms);
// A call starts, which breaker_wait_ms has allowed; true where it is the probe.
bool breaker_start(struct breaker *breaker);
// It has ended. What started before the breaker opened does not move it any more.
void breaker_end(struct breaker *breaker, bool is_probe, enum breaker_result result,
                 int64_t now_ms);
