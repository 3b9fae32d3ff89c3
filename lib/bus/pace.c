// SPDX-License-Identifier: MIT
#include "bus/pace.h"

// One transaction in 400: the shrinking of 400 outweighs the growth of one (0.999^400 = 2/3). Rarer
// would mean a longer pause for all; at that rate those who wait 20 ms more are fewer than one in a
// hundred also where several share a transaction. A request that came long after the pause tells
// nothing about it.

enum { GROW_US = 100, SHRINK_PART = 1000 };

void bus_pace_init(struct bus_pace *pace)
{
    *pace = (struct bus_pace){.pause_us = BUS_PACE_FIRST_US};
}

void bus_pace_end(struct bus_pace *pace, int64_t now_us)
{
    pace->ended_us = now_us;
}

int64_t bus_pace_left_us(const struct bus_pace *pace, int64_t now_us)
{
    if (pace->ended_us == 0)
        return 0;
    int64_t left_us = pace->ended_us + pace->pause_us - now_us;
    return left_us < 0 ? 0 : left_us > BUS_PACE_MOST_US ? BUS_PACE_MOST_US : left_us;
}

void bus_pace_learn(struct bus_pace *pace, int64_t sent_us, bool was_too_early)
{
    if (pace->ended_us == 0)
        return;
    int64_t waited_us = sent_us - pace->ended_us;
    if (was_too_early) {
        // It may have begun without a pause, or later than it had to: what was waited counts.
        int64_t least_us = waited_us > pace->pause_us ? waited_us : pace->pause_us;
        pace->pause_us = least_us + least_us / 2 + GROW_US;
    } else if (waited_us < 2 * pace->pause_us) {
        pace->pause_us -= pace->pause_us / SHRINK_PART + 1;
    }
    if (pace->pause_us < BUS_PACE_LEAST_US)
        pace->pause_us = BUS_PACE_LEAST_US;
    if (pace->pause_us > BUS_PACE_MOST_US)
        pace->pause_us = BUS_PACE_MOST_US;
}
