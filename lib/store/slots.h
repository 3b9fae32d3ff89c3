// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "store/pg.h"

// The table recorder_slot: which process holds a recorder's slot. The one that took it last does,
// so that of two with the same number the newer stays, as it is with the transactional ids of
// others. One thread; outside of a transaction.

enum { SLOTS_OWNER_MAX = 40 };

// Makes this process the owner; its token goes into `ret` (SLOTS_OWNER_MAX bytes).
MUST_CHECK enum err slots_take(struct pg *pg, const char *slot, char *ret, struct why *why);
// *ret_owned false: another process has taken it since.
MUST_CHECK enum err slots_is_owner(struct pg *pg, const char *slot, const char *owner,
                                   bool *ret_owned, struct why *why);
