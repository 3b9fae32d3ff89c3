// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "domain/employee.h"

// Which of two events about one employee says how things stand. Events come from several topics and
// may come late or twice; the state is a function of what stands in them and of their places. Pure
// functions, any thread.

// The order of events: by event time, then by topic (at equal times the HR system's word beats a
// request's), then by the topic's generation and the place in it. The partition decides last, for
// a foreign producer that put one employee into two.
struct employee_key {
    int64_t event_time_ms;
    int32_t topic_rank; // greater wins
    int32_t generation;
    int64_t offset;
    int32_t partition;
};
enum { TOPIC_RANK_SCORE_REQUESTS = 1, TOPIC_RANK_EMPLOYEE_CHANGES = 2 };

// Negative, zero or positive as `a` is before, the same as or after `b`.
int employee_key_compare(struct employee_key a, struct employee_key b);

// All zero for an employee never seen.
struct employee_state {
    bool is_known;
    struct employee_key key; // of the event that stands
    bool has_left;           // it was `left` or `erased`
};

// True when the event takes the place of what stands. After a departure that is another departure
// with a greater key, or a `created` with a later event time.
bool employee_replaces(const struct employee_state *state, struct employee_key key,
                       enum change change);

// True for `left` and `erased`.
bool change_is_departure(enum change change);
