// SPDX-License-Identifier: MIT
#pragma once

#include "base/metrics.h"

// Ids of the metrics of this program, in the order of metrics.def.
#define METRIC METRIC_ID
enum metric_id {
#include "metrics.def"
    METRIC_COUNT
};
#undef METRIC
