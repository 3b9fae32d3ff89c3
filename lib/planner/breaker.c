// SPDX-License-Identifier: MIT
#include "planner/breaker.h"

enum { CALLS, FAILURES };

void breaker_init(struct breaker *breaker)
{
    *breaker = (struct breaker){.state = BREAKER_CLOSED};
}

const char *breaker_state_name(enum breaker_state state)
{
    switch (state) {
    case BREAKER_CLOSED:
        return "closed";
    case BREAKER_OPEN:
        return "open";
    case BREAKER_PROBING:
        return "half-open";
    }
    return "closed";
}

int64_t breaker_wait_ms(const struct breaker *breaker, int64_t now_ms)
{
    switch (breaker->state) {
    case BREAKER_CLOSED:
        return 0;
    case BREAKER_OPEN:
        return breaker->open_until_ms > now_ms ? breaker->open_until_ms - now_ms : 0;
    case BREAKER_PROBING:
        return INT64_MAX;
    }
    return 0;
}

bool breaker_start(struct breaker *breaker)
{
    if (breaker->state != BREAKER_OPEN)
        return false;
    breaker->state = BREAKER_PROBING;
    return true;
}

static void open_up(struct breaker *breaker, int64_t now_ms)
{
    int64_t wait_ms = breaker->wait_ms == 0 ? BREAKER_WAIT_FIRST_MS : breaker->wait_ms * 2;
    breaker->wait_ms = wait_ms > BREAKER_WAIT_MOST_MS ? BREAKER_WAIT_MOST_MS : wait_ms;
    breaker->open_until_ms = now_ms + breaker->wait_ms;
    breaker->state = BREAKER_OPEN;
}

static void end_probe(struct breaker *breaker, enum breaker_result result, int64_t now_ms)
{
    switch (result) {
    case BREAKER_WORKED:
        breaker_init(breaker);
        return;
    case BREAKER_FAILED:
        open_up(breaker, now_ms);
        return;
    case BREAKER_NO_RESULT:
        breaker->state = BREAKER_OPEN; // its time is over: the next call is the probe
        return;
    }
}

void breaker_end(struct breaker *breaker, bool is_probe, enum breaker_result result, int64_t now_ms)
{
    if (is_probe) {
        end_probe(breaker, result, now_ms);
        return;
    }
    if (breaker->state != BREAKER_CLOSED || result == BREAKER_NO_RESULT)
        return;
    window_add(&breaker->results, CALLS, now_ms);
    if (result == BREAKER_FAILED)
        window_add(&breaker->results, FAILURES, now_ms);
    int64_t calls = window_count(&breaker->results, CALLS, now_ms);
    if (calls >= BREAKER_CALLS_MIN &&
        2 * window_count(&breaker->results, FAILURES, now_ms) >= calls)
        open_up(breaker, now_ms);
}
