// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/pg.h"

// What gateways share out among themselves: partitions of the reply topics (reply_lease) and
// numbers for people without an id (employee_number). Times are the database's, so gateways need
// not agree on one. Every call is atomic, outside of a transaction of the caller's. One thread.

// Takes a partition of 0 .. partitions - 1 that is free or whose lease is over, for `lease_ms`; one
// that `holder` (a token of this process alone) has already is given again. *ret_taken false: all
// of them are held.
MUST_CHECK enum err leases_take(struct pg *pg, const char *holder, int32_t partitions,
                                int64_t lease_ms, bool *ret_taken, int32_t *ret_partition,
                                struct why *why);
// *ret_held false: it was lost (the lease was over and another has it).
MUST_CHECK enum err leases_renew(struct pg *pg, const char *holder, int32_t partition,
                                 int64_t lease_ms, bool *ret_held, struct why *why);
// Does nothing where it is not `holder`'s.
MUST_CHECK enum err leases_release(struct pg *pg, const char *holder, int32_t partition,
                                   struct why *why);

enum { LEASES_NUMBERS = 100 };
// LEASES_NUMBERS employee numbers from *ret_first on, which nobody else gets.
MUST_CHECK enum err leases_numbers(struct pg *pg, int64_t *ret_first, struct why *why);
