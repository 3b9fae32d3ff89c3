// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// How many requests a user has left: so many in a window of a minute that begins with the first of
// them. Users whose window is over are forgotten. Each gateway counts by itself. Any thread.

enum { LIMITS_WINDOW_MS = 60000 };

struct limits;

// `most`: requests in a window.
struct limits *limits_new(int64_t most);
void limits_free(struct limits *limits);

struct limits_left {
    int64_t requests; // after this one
    int64_t wait_s;   // until the window is over, at least 1
};
// One request of this user. False: it is one too many.
MUST_CHECK bool limits_take(struct limits *limits, struct bytes user, int64_t now_ms,
                            struct limits_left *ret);
size_t limits_users(struct limits *limits); // counted now
