// SPDX-License-Identifier: MIT
// Bands and episodes. Only the latest value moves anything, and "latest" is decided by what stands
// in the records, so late and repeated events cannot open an episode twice. The gap between opening
// (band high) and closing (clearly below) keeps a score that wavers around the threshold from
// making episode after episode; the cool-down does the same for one that swings widely.

#include "domain/risk.h"

#include <math.h>

enum band risk_band(double probability, double elevated_from, double threshold)
{
    if (isnan(probability))
        return BAND_UNKNOWN;
    if (probability > threshold)
        return BAND_HIGH;
    return probability >= elevated_from ? BAND_ELEVATED : BAND_LOW;
}

struct risk_policy risk_policy_default(void)
{
    return (struct risk_policy){.hysteresis = RISK_HYSTERESIS,
                                .cool_down_ms = (int64_t)RISK_COOL_DOWN_DAYS * 86400000};
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int risk_key_compare(struct risk_key a, struct risk_key b)
{
    int order = compare(a.event_time_ms, b.event_time_ms);
    if (order == 0)
        order = compare(a.scored_at_ms, b.scored_at_ms);
    return order != 0 ? order : compare(a.offset, b.offset);
}

const char *risk_close_name(enum risk_close close)
{
    switch (close) {
    case RISK_CLOSE_NONE:
        return "none";
    case RISK_CLOSE_FELL:
        return "fell";
    case RISK_CLOSE_LEFT:
        return "left";
    }
    return "none";
}

static bool is_latest(const struct risk_state *state, const struct risk_event *event)
{
    if (!state->is_known)
        return true;
    if (state->has_left && !event->is_departure)
        return event->change == CHANGE_CREATED &&
               event->key.event_time_ms > state->latest.event_time_ms;
    return risk_key_compare(event->key, state->latest) > 0;
}

static bool is_cooling_down(const struct risk_policy *policy, const struct risk_state *state,
                            int64_t scored_at_ms)
{
    int64_t since_ms = 0;
    if (!state->was_closed)
        return false;
    // Times so far apart that they overflow: the sign tells which way.
    if (__builtin_sub_overflow(scored_at_ms, state->closed_at_ms, &since_ms))
        return scored_at_ms < state->closed_at_ms;
    return since_ms < policy->cool_down_ms;
}

static enum risk_close close_of(const struct risk_policy *policy, const struct risk_event *event)
{
    if (event->is_departure)
        return RISK_CLOSE_LEFT;
    bool fell =
        event->band != BAND_UNKNOWN && event->probability < event->threshold - policy->hysteresis;
    return fell ? RISK_CLOSE_FELL : RISK_CLOSE_NONE;
}

struct risk_step risk_apply(const struct risk_policy *policy, const struct risk_state *state,
                            const struct risk_event *event)
{
    struct risk_step step = {.next = *state};
    step.is_latest = is_latest(state, event);
    step.is_stale = !step.is_latest;
    if (step.is_stale)
        return step;
    step.next.is_known = true;
    step.next.latest = event->key;
    step.next.has_left = event->is_departure;
    if (state->is_open) {
        step.closes = close_of(policy, event);
    } else {
        step.opens = !event->is_departure && event->band == BAND_HIGH &&
                     !is_cooling_down(policy, state, event->key.scored_at_ms);
    }
    if (step.opens) {
        step.next.is_open = true;
        step.next.opened_at_ms = event->key.scored_at_ms;
    }
    if (step.closes != RISK_CLOSE_NONE) {
        step.next.is_open = false;
        step.next.was_closed = true;
        step.next.closed_at_ms = event->key.scored_at_ms;
    }
    return step;
}
