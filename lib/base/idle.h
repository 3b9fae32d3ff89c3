// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Memory that a busy time needed goes back to the system when the process has become quiet: the
// allocator would keep it for the next one. Plain data, zeroed at the start; one thread.

struct idle {
    int64_t looked_ms, cpu_ms; // at the last look
    int quiet;                 // looks since the last busy one, or since memory was given back
    int64_t given_cpu_ms;      // when memory was given back last
};

// A look, with the monotonic clock and the CPU time that the process has used, in milliseconds.
// True: quiet for some seconds now, and there was work (100 ms of CPU) since it was true
// last. Looks within the same second are none. Pure.
bool idle_is_due(struct idle *idle, int64_t now_ms, int64_t cpu_ms);
// Looks, and gives memory back when it is due. May be called as often as one likes.
void idle_look(struct idle *idle);
