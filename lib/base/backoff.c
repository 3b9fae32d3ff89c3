// SPDX-License-Identifier: MIT
#include "base/backoff.h"

#include "base/clock.h"

void backoff_init(struct backoff *backoff, int64_t first_ms, int64_t most_ms)
{
    *backoff = (struct backoff){.first_ms = first_ms, .most_ms = most_ms};
    backoff->state = (uint64_t)clock_mono_ns() ^ (uint64_t)(uintptr_t)backoff;
}

// splitmix64 (Steele, Lea, Flood 2014): enough to spread waits, no secret.
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

int64_t backoff_draw_ms(uint64_t *state, int64_t most_ms)
{
    return most_ms <= 0 ? 0 : (int64_t)(draw(state) % ((uint64_t)most_ms + 1));
}

int64_t backoff_next_ms(struct backoff *backoff)
{
    backoff->tries++;
    backoff->step_ms = backoff->step_ms == 0 ? backoff->first_ms : backoff->step_ms * 2;
    if (backoff->step_ms > backoff->most_ms)
        backoff->step_ms = backoff->most_ms;
    return backoff->step_ms - backoff_draw_ms(&backoff->state, backoff->step_ms / 2);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->step_ms = 0;
    backoff->tries = 0;
}
