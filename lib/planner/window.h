// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

// How often things happened in the last minute, counted by the second (so "the last minute" is 59
// to 60 s). Plain memory, zeroed to begin with; one thread. Times are monotonic milliseconds.

enum { WINDOW_SECONDS = 60, WINDOW_KINDS = 2 };

struct window {
    struct {
        int64_t second;
        int64_t counts[WINDOW_KINDS];
    } slots[WINDOW_SECONDS];
};

void window_add(struct window *window, unsigned kind, int64_t now_ms);
int64_t window_count(const struct window *window, unsigned kind, int64_t now_ms);
