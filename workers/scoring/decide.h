// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/consumer.h"
#include "domain/employee.h"
#include "domain/features.h"
#include "domain/prediction.h"
#include "model/model.h"

// What the scoring lane decides about one event, without I/O: pure functions, any thread.

// The attributes that a prediction copies for readers of topics, found once; -1 where the features
// have none of that name.
struct decide_places {
    int department, job_role;
};
struct decide_places decide_places_of(const struct features *features);

// Fills the prediction of an event that is no departure. All text is borrowed from the arguments.
void decide_prediction(const struct features *features, const struct decide_places *places,
                       const struct model *model, const struct employee_change *change,
                       const struct score *score, const struct bus_message *message,
                       struct bytes prediction_id, int64_t scored_at_ms, enum trigger trigger,
                       struct prediction *ret);

// When the transaction of a lane is to be committed.
struct decide_commit {
    int64_t drain_ms;    // the input has been drained for so long: that long at least it is open
    int64_t interval_ms; // with work all the time
    int64_t bytes;       // read
};
enum {
    DECIDE_YIELD_MS = 10,        // with the commit itself such a one is open for 20 ms or so
    DECIDE_YIELD_MESSAGES = 100, // that are read at once meanwhile
};
// `yields`: readers of other lanes' records would have to wait for it.
bool decide_is_due(const struct decide_commit *rule, int64_t age_ms, int64_t bytes, bool is_drained,
                   bool yields);
