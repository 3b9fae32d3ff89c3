// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "auth/opaque.h"
#include "auth/password.h"
#include "base/err.h"

// Where the password of a new or reset account comes from: one that is made here, or the first line
// of standard input, for which a person at a terminal is asked twice, unseen. It is never an
// argument, since others on the machine see those. Main thread.

struct password {
    char hash[AUTH_PASSWORD_HASH_MAX];
    char made[AUTH_OPAQUE_LEN + 1]; // what was made here, to be printed once; else ""
};

// ERR_REJECT: it may not be a password; the sentence says why. ERR_STOP: a signal came meanwhile.
// The caller wipes *ret.
MUST_CHECK enum err password_choose(bool is_generated, int score_min, const char *username,
                                    struct password *ret, struct why *why);
void password_wipe(struct password *password); // also a CLEANUP
