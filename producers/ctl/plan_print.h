// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "store/pg.h"

// A retention plan for people, or as JSON for scripts. Main thread.

struct plan_printed {
    bool is_found;
    bool is_refused; // the last of them
};

// Prints the plan with this id, or those of the request with this id, and the calls that were made;
// ret->is_found false: there is none yet.
MUST_CHECK enum err plan_print(struct pg *pg, const char *id, bool is_json,
                               struct plan_printed *ret, struct why *why);
