// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/text.h"

// What a user may do, in one word: in tables, in tokens, in the matrix of routes. Pure; any thread.

enum auth_role {
    AUTH_ROLE_ADMIN,   // everything
    AUTH_ROLE_HR,      // the same by HTTP; users are retentionctl's
    AUTH_ROLE_VIEWER,  // reads
    AUTH_ROLE_SERVICE, // programs: predictions and changes in, results out
};
enum { AUTH_ROLES = AUTH_ROLE_SERVICE + 1 };

const char *auth_role_name(enum auth_role role); // "admin", "hr", "viewer", "service"
MUST_CHECK bool auth_role_of(struct bytes name, enum auth_role *ret); // false: no such role
