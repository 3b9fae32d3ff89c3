// SPDX-License-Identifier: MIT
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// A note that the lanes of a process share: when one whose records somebody waits for has had some.
// The bulk lane keeps its transactions short meanwhile, because readers of committed data stop at
// the earliest open one. Any thread; lives as long as the lanes.

struct activity {
    atomic_llong last_ms; // monotonic; 0: never
};

enum { ACTIVITY_MS = 1000 }; // that a lane counts as active behind its last record

static inline void activity_note(struct activity *activity, int64_t now_ms)
{
    atomic_store_explicit(&activity->last_ms, now_ms, memory_order_relaxed);
}

static inline bool activity_is_recent(struct activity *activity, int64_t now_ms)
{
    int64_t last_ms = atomic_load_explicit(&activity->last_ms, memory_order_relaxed);
    return last_ms != 0 && now_ms - last_ms < ACTIVITY_MS;
}
