// SPDX-License-Identifier: MIT
#pragma once

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
