// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/throttle.h"
#include "base/err.h"
#include "store/pg.h"
#include "store/sessions.h"
#include "store/users.h"

// Attempts at a password, counted in the table by account, address, and the pair of both; what the
// counts mean is decided in lib/auth. On a connection's thread.

struct throttling {
    char account[USERS_NAME_MAX + 1];
    char address[AUTH_THROTTLE_SUBJECT_MAX]; // empty: not known, takes no part
    char pair[USERS_NAME_MAX + 1 + AUTH_THROTTLE_SUBJECT_MAX];
    bool has_pair; // a login from there worked before; written by throttling_look
};

// `address`: as http_peer gives it.
void throttling_init(struct throttling *throttling, const char *account, const char *address);
// How long the next attempt must wait; 0: it may be looked at.
MUST_CHECK enum err throttling_look(struct throttling *throttling, struct pg *pg, int64_t now_ms,
                                    int64_t *ret_wait_ms, struct why *why);
// Counts what came of an attempt. Not where it is unknown whether it was counted already.
// *ret_wait_ms over 0: while the password was looked at others have failed, and a wait has begun.
// It is as if this attempt had come behind them: nothing of what came of it may be told.
MUST_CHECK enum err throttling_count(struct throttling *throttling, struct pg *pg, bool is_right,
                                     int64_t now_ms, int64_t *ret_wait_ms, struct why *why);
