// SPDX-License-Identifier: MIT
#include "domain/employee_state.h"

// The rule folds events one by one, as risk_apply does for predictions: what was refused once (an
// update after a departure) does not come back when a later event turns up.

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int employee_key_compare(struct employee_key a, struct employee_key b)
{
    int order = compare(a.event_time_ms, b.event_time_ms);
    if (order == 0)
        order = compare(a.topic_rank, b.topic_rank);
    if (order == 0)
        order = compare(a.generation, b.generation);
    if (order == 0)
        order = compare(a.offset, b.offset);
    return order != 0 ? order : compare(a.partition, b.partition);
}

bool change_is_departure(enum change change)
{
    return change == CHANGE_LEFT || change == CHANGE_ERASED;
}

bool employee_replaces(const struct employee_state *state, struct employee_key key,
                       enum change change)
{
    if (!state->is_known)
        return true;
    if (state->has_left && !change_is_departure(change))
        return change == CHANGE_CREATED && key.event_time_ms > state->key.event_time_ms;
    return employee_key_compare(key, state->key) > 0;
}
