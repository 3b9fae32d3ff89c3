// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "store/pg.h"

// A retention plan for people, or as JSON for scripts. Main thread.

// Prints the plan with this id, or those of the request with this id, and the calls that were made;
// *ret_found false: there is none yet.
MUST_CHECK enum err plan_print(struct pg *pg, const char *id, bool is_json, bool *ret_found,
                               struct why *why);
