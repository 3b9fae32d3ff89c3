// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "database.h"

// Ids for people who are scored without one: numbers out of a sequence of the database, kept in
// stock so that no call waits for it. Any thread.

struct numbers;

struct numbers *numbers_new(struct database *database);
void numbers_free(struct numbers *numbers); // after the database has stopped
DEFINE_CLEANUP(struct numbers, numbers_free)

// False: there is none in stock (the database is away); more are on their way where it is not.
MUST_CHECK bool numbers_take(struct numbers *numbers, int64_t *ret);
// The same on a connection's thread, which asks for more where there is none. ERR_RETRY: not now.
MUST_CHECK enum err numbers_take_now(struct numbers *numbers, struct pg *pg, int64_t *ret,
                                     struct why *why);
// Fills the stock where it is low: at the start, and now and then where nobody takes.
void numbers_fill(struct numbers *numbers);
