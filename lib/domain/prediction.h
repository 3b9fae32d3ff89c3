// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

// One score as it travels on `predictions`, `high-risk` and in predictions_history. Plain data;
// text is borrowed; a text whose data is NULL is null.

enum band { BAND_LOW, BAND_ELEVATED, BAND_HIGH, BAND_UNKNOWN };
enum trigger { TRIGGER_CHANGE, TRIGGER_REQUEST, TRIGGER_RESCORE };
enum { PREDICTION_REASONS = 3 };

const char *band_name(enum band band); // as in the schema: "low", "elevated", "high", "unknown"
const char *trigger_name(enum trigger trigger);
bool band_from_text(struct bytes text, enum band *ret);
bool trigger_from_text(struct bytes text, enum trigger *ret);

struct prediction {
    struct bytes prediction_id; // "employee-changes/3/1842001"
    struct bytes employee_id;
    struct bytes event_id;
    int64_t event_time_ms;
    int64_t scored_at_ms;
    bool has_probability; // false exactly for BAND_UNKNOWN
    double churn_probability;
    enum band band;
    double threshold;
    struct bytes model_id;
    double base_log_odds;
    struct {
        struct bytes attribute; // data NULL: no such reason
        double weight;          // log-odds
    } reasons[PREDICTION_REASONS];
    struct bytes department; // NULL where not known
    struct bytes job_role;
    enum trigger trigger;
    struct bytes requested_by;
    struct bytes source_topic;
    int32_t source_partition;
    int64_t source_offset;
};
