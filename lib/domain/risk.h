// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "domain/employee.h"
#include "domain/prediction.h"

// From a probability to a band, and from the predictions of one employee to risk episodes. An
// episode is a time in which somebody's risk is high: opened by the latest prediction with band
// high, closed by one that is clearly below the threshold or by departure. Everything here is a
// pure function of what stands in the records, in the order of their partition: the same topic
// gives the same episodes, at any speed and after any restart. Any thread.

// low < elevated_from <= elevated <= threshold < high; NaN is unknown.
enum band risk_band(double probability, double elevated_from, double threshold);

// An episode closes where the probability is this far below the threshold.
#define RISK_HYSTERESIS 0.05
enum { RISK_COOL_DOWN_DAYS = 7 };

struct risk_policy {
    double hysteresis;
    int64_t cool_down_ms; // from the close of an episode: until then none is opened
};
// RISK_HYSTERESIS and RISK_COOL_DOWN_DAYS.
struct risk_policy risk_policy_default(void);

// The order of what is said about one employee: by event time, then by the time of scoring, then by
// the place on `predictions`.
struct risk_key {
    int64_t event_time_ms;
    int64_t scored_at_ms;
    int64_t offset;
};
// Negative, zero or positive as `a` is before, the same as or after `b`.
int risk_key_compare(struct risk_key a, struct risk_key b);

// What must be known of one employee before the next value; all zero for one never seen.
struct risk_state {
    bool is_known;          // `latest` holds the greatest key seen so far
    struct risk_key latest; // of a prediction, or of the departure where has_left
    bool has_left;
    bool is_open;         // there is an open episode
    bool was_closed;      // there was an episode before, and it closed at `closed_at_ms`
    int64_t opened_at_ms; // scored_at of the prediction that opened it, where is_open
    int64_t closed_at_ms; // scored_at of the value that closed the last one, where was_closed
};

// One value read from `predictions`.
struct risk_event {
    struct risk_key key;
    enum change change; // the record's `change` header; CHANGE_UPDATED where it has none
    bool is_departure;  // a null value: left or erased; the fields below mean nothing then
    enum band band;
    double probability; // not looked at for BAND_UNKNOWN
    double threshold;
};

enum risk_close { RISK_CLOSE_NONE, RISK_CLOSE_FELL, RISK_CLOSE_LEFT };
// "none", "fell", "left": as in the column that says why an episode is closed.
const char *risk_close_name(enum risk_close close);

// What one value does. Never opens and closes at once.
struct risk_step {
    bool
        is_latest; // it becomes the current prediction (or the departure): only then anything moves
    bool is_stale; // the topic's last value is not what now stands: note the employee
    bool opens;    // an episode, opened by this prediction at its scored_at
    enum risk_close closes; // the open episode, at this value's scored_at
    struct risk_state next; // the state after it (unchanged where not the latest)
};

// After a departure only a `created` with a later event time counts; any other prediction is stale.
struct risk_step risk_apply(const struct risk_policy *policy, const struct risk_state *state,
                            const struct risk_event *event);
