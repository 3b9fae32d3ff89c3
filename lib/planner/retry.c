// SPDX-License-Identifier: MIT
#include "planner/retry.h"

#include "base/backoff.h"

void retry_init(struct retry *retry, uint64_t seed, int64_t now_ms)
{
    *retry = (struct retry){.first_ms = now_ms, .random = seed};
}

// Failures are counted from 1: steps of 1, 2, 4 .. s.
static int64_t step_ms(unsigned failures)
{
    int64_t step = RETRY_STEP_FIRST_MS;
    for (unsigned i = 1; i < failures && step < RETRY_STEP_MOST_MS; i++)
        step *= 2;
    return step < RETRY_STEP_MOST_MS ? step : RETRY_STEP_MOST_MS;
}

bool retry_next(struct retry *retry, int64_t delay_ms, int64_t now_ms, int64_t *ret_at_ms)
{
    retry->failures++;
    if (retry->failures >= RETRY_TRIES_MAX || delay_ms > RETRY_WITHIN_MS)
        return false;
    int64_t wait_ms = delay_ms > 0 ? delay_ms + backoff_draw_ms(&retry->random, delay_ms / 5)
                                   : backoff_draw_ms(&retry->random, step_ms(retry->failures));
    if (now_ms + wait_ms - retry->first_ms > RETRY_WITHIN_MS)
        return false;
    *ret_at_ms = now_ms + wait_ms;
    return true;
}
