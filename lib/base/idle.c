// SPDX-License-Identifier: MIT
#include "base/idle.h"

#include <malloc.h>

#include "base/clock.h"

// The CPU time tells quiet from busy for all threads at once, those of libraries included. To give
// back takes some milliseconds, and to get it again page faults: so not between two batches, and
// not before there was some work since the last time; but little work is enough, since a backlog's
// slow end can look quiet, and what comes behind it would else stay until the next busy time.

enum { LOOK_MS = 1000, QUIET_LOOKS = 5, QUIET_PERCENT = 10, WORK_MS = 100 };

bool idle_is_due(struct idle *idle, int64_t now_ms, int64_t cpu_ms)
{
    int64_t past_ms = now_ms - idle->looked_ms;
    if (past_ms < LOOK_MS)
        return false;
    bool is_quiet = (cpu_ms - idle->cpu_ms) * 100 < past_ms * QUIET_PERCENT;
    idle->looked_ms = now_ms;
    idle->cpu_ms = cpu_ms;
    idle->quiet = is_quiet ? idle->quiet + 1 : 0;
    if (idle->quiet < QUIET_LOOKS || cpu_ms - idle->given_cpu_ms < WORK_MS)
        return false;
    idle->given_cpu_ms = cpu_ms;
    idle->quiet = 0;
    return true;
}

void idle_look(struct idle *idle)
{
    int64_t now_ms = clock_mono_ms();
    if (now_ms - idle->looked_ms >= LOOK_MS && idle_is_due(idle, now_ms, clock_cpu_ms()))
        malloc_trim(0);
}
