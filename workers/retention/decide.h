// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/plans.h"

// What the tables say of a record, without I/O: whether a plan is due.

enum { DECIDE_REQUEST_WAIT_MS = 30000 }; // for a prediction that nobody has heard of

enum decision {
    DECIDE_MAKE,   // a plan is due
    DECIDE_ANSWER, // the ledger has its result already
    DECIDE_PASS,   // nothing: the score opened no episode
    DECIDE_REFUSE, // for the reason given
    DECIDE_WAIT,   // for the recorder
};

// The row that a record waits for.
enum decide_missing { MISSING_PREDICTION, MISSING_FACTS };
enum { DECIDE_MISSING_KINDS = MISSING_FACTS + 1 };

struct decide_input {
    bool is_request;
    const struct plans_seen *seen;
    struct bytes employee_id; // that the record names
    bool is_passed; // the recorder has passed the end that the missing row's topic had when it was
                    // missed
    int64_t waited_ms;
};

// *ret_refusal for DECIDE_REFUSE: a static code: "not-this-employee" (the prediction is somebody
// else's), "left" (the episode was closed by a departure, or
// the person who is asked for has left), "not-needed" (the asked prediction is not of band high),
// "prediction-not-recorded", "facts-gone". *ret_missing for DECIDE_WAIT.
enum decision decide(const struct decide_input *input, const char **ret_refusal,
                     enum decide_missing *ret_missing);
