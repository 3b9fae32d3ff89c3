// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/role.h"
#include "base/err.h"
#include "store/pg.h"
#include "store/users.h"

// What the commands on accounts share. Main thread.

// A name on the command line, as it is stored; ERR_FATAL (misuse) where it can be none.
MUST_CHECK enum err account_name(const char *argument, char ret[USERS_NAME_MAX + 1],
                                 struct why *why);
// A --role; ERR_FATAL (misuse) where it is none.
MUST_CHECK enum err account_role(const char *text, struct why *why);
// The id of an account; ERR_REJECT where there is none of this name.
MUST_CHECK enum err account_find(struct pg *pg, const char *name, int64_t *ret_id, struct why *why);
// A connection, and the primitives ready.
MUST_CHECK enum err account_open(const char *database_url, struct pg **ret, struct why *why);
